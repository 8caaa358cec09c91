//! `crd`: prints the CRDs, or writes them to a folder, or says whether that folder is current.

use std::{fs, io, path::Path};

use crate::api;

/// The CRDs as files: name and content, in the order in which they are applied.
///
/// # Errors
/// Where a CRD cannot be written as YAML.
pub fn files() -> Result<Vec<(String, String)>, io::Error> {
    api::custom_resource_definitions()
        .iter()
        .map(|crd| {
            let name = crd
                .pointer("/spec/names/plural")
                .and_then(serde_json::Value::as_str)
                .unwrap_or_default(); // every definition has one
            let yaml = serde_saphyr::to_string(crd).map_err(io::Error::other)?;
            Ok((
                format!("{name}.yaml"),
                format!("# Written by `entra-access-operator crd --write`; do not edit.\n{yaml}"),
            ))
        })
        .collect()
}

/// All CRDs as one YAML stream.
///
/// # Errors
/// Where a CRD cannot be written as YAML.
pub fn stream() -> Result<String, io::Error> {
    Ok(files()?.into_iter().map(|(_, yaml)| format!("---\n{yaml}")).collect())
}

/// Writes every CRD into `folder`, one file each.
///
/// # Errors
/// Where the folder or a file cannot be written.
pub fn write(folder: &Path) -> Result<(), io::Error> {
    fs::create_dir_all(folder)?;
    files()?
        .into_iter()
        .try_for_each(|(name, yaml)| fs::write(folder.join(name), yaml))
}

/// The files in `folder` that are missing or differ from what [`write`] would write.
///
/// # Errors
/// Where a CRD cannot be written as YAML.
pub fn outdated(folder: &Path) -> Result<Vec<String>, io::Error> {
    Ok(files()?
        .into_iter()
        .filter(|(name, yaml)| fs::read_to_string(folder.join(name)).ok().as_ref() != Some(yaml))
        .map(|(name, _)| name)
        .collect())
}
