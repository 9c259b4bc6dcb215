//! Pages over any population of ids, equal to each other in any way, hold each id once.

use std::collections::BTreeSet;

use async_trait::async_trait;
use proptest::prelude::*;

use super::page;
use crate::adapters::directory::{ContactRow, Counted, Key, Source};
use crate::domain::UserId;

/// Rows of a table whose column ignores case: in the column's order, equal ids in the order of the table.
struct IgnoringCase(Vec<String>);

fn key(id: &str) -> Key {
    Key { id: id.to_owned(), cursor: id.to_owned() }
}

#[async_trait]
impl Source for IgnoringCase {
    async fn following(&self, after: Option<&str>, limit: u32) -> Result<Vec<Key>, sqlx::Error> {
        let mut rows: Vec<&String> =
            self.0.iter().filter(|id| after.is_none_or(|c| id.to_lowercase() > c.to_lowercase())).collect();
        rows.sort_by_key(|id| id.to_lowercase());
        Ok(rows.into_iter().take(limit as usize).map(|id| key(id)).collect())
    }

    async fn equal_to(&self, cursor: &str, beyond: bool, limit: u32) -> Result<Vec<Key>, sqlx::Error> {
        let same = |id: &&String| id.to_lowercase() == cursor.to_lowercase() && (!beyond || id.as_str() > cursor);
        let rows: BTreeSet<&String> = self.0.iter().filter(same).collect();
        Ok(rows.into_iter().take(limit as usize).map(|id| key(id)).collect())
    }

    fn has_ties(&self) -> bool {
        true
    }

    async fn contacts(&self, _: &UserId) -> Result<Vec<ContactRow>, sqlx::Error> {
        Ok(Vec::new())
    }

    fn place(&self) -> &'static str {
        "nowhere"
    }

    async fn count(&self, _: Counted) -> Result<u64, sqlx::Error> {
        Ok(self.0.len() as u64)
    }
}

async fn walk(source: &IgnoringCase, size: u32) -> Vec<String> {
    let (mut ids, mut after) = (Vec::new(), None::<String>);
    for _ in 0..=source.0.len() + 1 {
        let page = page(source, after.as_deref(), size).await.unwrap();
        assert!(page.users.len() <= size as usize, "a page of {} users", page.users.len());
        ids.extend(page.users.iter().map(|id| id.as_str().to_owned()));
        match page.next {
            Some(next) => after = Some(next.0),
            None => return ids,
        }
    }
    panic!("the walk does not end: {ids:?}");
}

proptest! {
    #[test]
    fn every_id_once_whatever_is_equal_and_repeated(
        rows in prop::collection::vec("[abAB]{1,3}", 0..40),
        size in 1_u32..8,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut walked = runtime.block_on(walk(&IgnoringCase(rows.clone()), size));
        walked.sort();
        let wanted: Vec<String> = rows.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
        prop_assert_eq!(walked, wanted);
    }
}

#[tokio::test]
async fn a_column_that_is_no_id_is_refused() {
    let mut rows: Vec<String> = (0_u32..2048)
        .map(|bits| "aaaaaaaaaaa".chars().enumerate().map(|(i, c)| flip(c, bits >> i & 1)).collect())
        .collect();
    assert!(page(&IgnoringCase(rows.clone()), None, 10).await.is_err());
    rows.truncate(900);
    assert_eq!(walk(&IgnoringCase(rows), 10).await.len(), 900);
}

fn flip(c: char, upper: u32) -> char {
    if upper == 1 { c.to_ascii_uppercase() } else { c }
}
