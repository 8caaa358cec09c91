//! Who is who in the stage's company: ids as people's and groups' names.

use stage::world::WORLD;

/// The name that goes with an id in the world file: a user principal name, else a display name, else the id.
pub(crate) fn name_of(id: &str) -> String {
    let line = WORLD
        .lines()
        .find(|line| !id.is_empty() && line.contains(&format!("id: {id},")));
    let named = line.and_then(|line| field(line, "userPrincipalName: ").or_else(|| field(line, "displayName: ")));
    named.unwrap_or(id).to_owned()
}

fn field<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    let value = line.split_once(key)?.1;
    value.split([',', '}']).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_the_world_file_have_names_and_others_stay_ids() {
        assert_eq!(name_of(stage::world::BOB_ID), "bob@contoso.com");
        assert_eq!(name_of(stage::world::CAMPAIGN_GROUP_ID), "Marketing Campaign");
        assert_eq!(name_of("unknown"), "unknown");
    }
}
