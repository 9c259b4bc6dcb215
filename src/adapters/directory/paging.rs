//! Turns two keyset queries into pages that skip nobody and repeat nobody.
//!
//! `id > last ORDER BY id LIMIT n` alone is right only while no two ids are equal to the database. Under a
//! case-insensitive collation, or in a view that repeats ids, the rows equal to the last one of a full page
//! would be skipped. So the ids equal to the cursor are asked for first, and the ids equal to a full page's
//! last one replace their share of the page, both ordered by bytes: one lookup by index each.
//!
//! A user added or deleted between two pages moves nobody else: the cursor need not exist any more.

use std::collections::HashSet;

use super::{Key, Source};
use crate::domain::{Cursor, UserId, UserPage};

/// How many ids that differ in bytes may be equal to the database. A unique column has one; a group of
/// this size means that the column is no id, and that is said instead of read.
pub(super) const MAX_TIES: u32 = 1000;

/// The page of at most `size` ids after the cursor.
pub(super) async fn page(source: &dyn Source, after: Option<&str>, size: u32) -> Result<UserPage, sqlx::Error> {
    let size = size as usize;
    let mut keys = match after {
        Some(cursor) => ties(source, cursor, true).await?,
        None => Vec::new(),
    };
    let mut full = keys.len() >= size;
    if !full {
        let limit = size - keys.len();
        let found = source.following(after, u32::try_from(limit).unwrap_or(u32::MAX)).await?;
        full = found.len() >= limit;
        let last = match found.last() {
            Some(last) if full => ties(source, &last.cursor, false).await?,
            _ => Vec::new(),
        };
        append(&mut keys, found, last);
    }
    keys.truncate(size);
    let next = if full { keys.last().map(|key| Cursor(key.cursor.clone())) } else { None };
    Ok(UserPage { users: keys.into_iter().map(|key| UserId::new(key.id)).collect(), next })
}

async fn ties(source: &dyn Source, cursor: &str, beyond: bool) -> Result<Vec<Key>, sqlx::Error> {
    if !source.has_ties() {
        return Ok(Vec::new());
    }
    let keys = source.equal_to(cursor, beyond, MAX_TIES).await?;
    if keys.len() >= MAX_TIES as usize {
        return Err(sqlx::Error::Decode(format!("{MAX_TIES} ids are equal under the column's collation").into()));
    }
    Ok(keys)
}

/// Adds `found` without repeats and without the group of its last id, then that group.
fn append(keys: &mut Vec<Key>, found: Vec<Key>, last: Vec<Key>) {
    let mut seen: HashSet<String> = last.iter().map(|key| key.id.clone()).collect();
    for key in found {
        if seen.insert(key.id.clone()) {
            keys.push(key);
        }
    }
    keys.extend(last);
}

#[cfg(test)]
#[path = "paging_tests.rs"]
mod tests;
