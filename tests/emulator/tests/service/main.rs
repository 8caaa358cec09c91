//! The emulator as its clients see it: over HTTPS, every answer checked against the contract.

#[cfg(test)]
mod assignments;
#[cfg(test)]
mod callers;
#[cfg(test)]
mod contract;
#[cfg(test)]
mod control;
#[cfg(test)]
mod in_process;
#[cfg(test)]
mod lookups;
#[cfg(test)]
mod my_access;
#[cfg(test)]
mod odata;
#[cfg(test)]
mod organizations;
#[cfg(test)]
mod packages;
#[cfg(test)]
mod policies;
#[cfg(test)]
mod portal;
#[cfg(test)]
mod process;
#[cfg(test)]
mod quirks;
#[cfg(test)]
mod resources;
#[cfg(test)]
mod sign_in;
#[cfg(test)]
mod sites;
#[cfg(test)]
mod tenant;
