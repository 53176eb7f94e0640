//! The book has every page, and no link inside the repository is dead.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use crate::page::{self, Link, Page};

const SUMMARY: &str = "docs/SUMMARY.md";

#[test]
fn every_page_of_the_docs_is_in_the_book_once() {
    let summary = page::read(Path::new(SUMMARY));
    let listed: Vec<String> = summary
        .links()
        .into_iter()
        .map(|link| format!("docs/{}", link.target))
        .collect();
    let unique: BTreeSet<&String> = listed.iter().collect();
    assert_eq!(unique.len(), listed.len(), "a page is listed twice");
    let there: Vec<String> = page::all()
        .iter()
        .map(|page| page.path.display().to_string())
        .filter(|path| path.starts_with("docs/") && path != SUMMARY)
        .collect();
    assert_eq!(
        unique.into_iter().collect::<Vec<_>>(),
        there.iter().collect::<Vec<_>>(),
        "docs/SUMMARY.md lists other pages than there are"
    );
}

#[test]
fn no_link_inside_the_repository_is_dead() {
    let pages = page::all();
    let mut dead = Vec::new();
    let mut followed = 0;
    for page in &pages {
        for link in page.links() {
            if link.target.contains("://") || link.target.starts_with("mailto:") {
                continue;
            }
            followed += 1;
            if let Err(reason) = follow(page, &link, &pages) {
                dead.push(format!(
                    "{}:{}: {}: {reason}",
                    page.path.display(),
                    link.line,
                    link.target
                ));
            }
        }
    }
    assert!(dead.is_empty(), "dead links:\n{}", dead.join("\n"));
    assert!(followed > 100, "only {followed} links were found");
}

fn follow(page: &Page, link: &Link, pages: &[Page]) -> Result<(), String> {
    let (path, anchor) = match link.target.split_once('#') {
        Some((path, anchor)) => (path, Some(anchor)),
        None => (link.target.as_str(), None),
    };
    let from = page.path.parent().unwrap_or(Path::new(""));
    let target = if path.is_empty() {
        page.path.clone()
    } else {
        normal(&from.join(path)).ok_or("it leads out of the repository")?
    };
    if !page::root().join(&target).exists() {
        return Err("there is no such file".into());
    }
    // In the book there is nothing but what is below docs/.
    if page.path.starts_with("docs") && !target.starts_with("docs") {
        return Err("it leads out of the book: name the file instead".into());
    }
    let Some(anchor) = anchor else { return Ok(()) };
    let target = pages
        .iter()
        .find(|other| other.path == target)
        .ok_or("it has an anchor and is no page")?;
    if target.anchors().iter().any(|there| there == anchor) {
        Ok(())
    } else {
        Err("the page has no such heading".into())
    }
}

/// The path without `.` and `..`; nothing where it leads out.
fn normal(path: &Path) -> Option<PathBuf> {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => {
                if !normal.pop() {
                    return None;
                }
            }
            Component::CurDir => {}
            _ => normal.push(component),
        }
    }
    Some(normal)
}
