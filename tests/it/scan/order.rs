//! Pages arrive in the directory's order with the directory's cursors, from the start or from a checkpoint.

use reconnectd::domain::Cursor;

use super::fakes::{Users, World, auto, fixed, scan_all};

/// The ids and the checkpoint of each page.
async fn shape(directory: &Users, from: Option<&str>) -> Vec<(Vec<String>, Option<String>)> {
    let from = from.map(|cursor| Cursor(cursor.into()));
    let (pages, result) = scan_all(directory, &World::default(), auto(3), from).await;
    result.unwrap();
    let ids = |page: &reconnectd::domain::ScannedPage| page.users.iter().map(|u| u.user.as_str().to_owned()).collect();
    pages.iter().map(|page| (ids(page), page.next.clone().map(|cursor| cursor.0))).collect()
}

fn page(ids: &[&str], next: Option<&str>) -> (Vec<String>, Option<String>) {
    (ids.iter().map(|&id| id.to_owned()).collect(), next.map(str::to_owned))
}

#[tokio::test]
async fn pages_and_checkpoints_are_the_directorys() {
    let directory = Users::new(["b", "a", "a", "c,d", "e"], 2);
    let all = [page(&["b", "a"], Some("2")), page(&["a", "c,d"], Some("4")), page(&["e"], None)];
    assert_eq!(shape(&directory, None).await, all);
    let asked: Vec<_> = directory.asked.lock().unwrap().clone();
    assert_eq!(asked, [None, Some("2".into()), Some("4".into())], "each page is read once");
}

#[tokio::test]
async fn a_resumed_scan_starts_behind_its_checkpoint() {
    let directory = Users::new(["a", "b", "c"], 1);
    assert_eq!(shape(&directory, Some("2")).await, [page(&["c"], None)]);
    assert_eq!(*directory.asked.lock().unwrap(), [Some("2".to_owned())]);
}

#[tokio::test]
async fn empty_pages_are_sent_so_that_the_checkpoint_reaches_the_end() {
    assert_eq!(shape(&Users::numbered(0, 10), None).await, [page(&[], None)]);
    let mut directory = Users::new(["a", "b"], 2);
    directory.empty_last_page = true;
    assert_eq!(shape(&directory, None).await, [page(&["a", "b"], Some("2")), page(&[], None)]);
}

#[tokio::test]
async fn a_repeated_id_is_asked_about_once_per_page() {
    let provider = World::default();
    let (pages, result) = scan_all(&Users::new(["a", "b", "a", "x,y", "x,y"], 9), &provider, fixed(2, 1), None).await;
    result.unwrap();
    assert_eq!(pages[0].users.len(), 5);
    assert_eq!(pages[0].users[0], pages[0].users[2]);
    assert_eq!(provider.sizes(), [1, 1]);
}
