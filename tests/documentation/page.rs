//! Reading a page of Markdown, as far as the tests need it: headings, links and fenced blocks.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Directories that hold no pages of ours.
const SKIPPED: [&str; 4] = [".git", "node_modules", "portcullis-data", "target"];

/// A page of the repository.
#[derive(Debug)]
pub struct Page {
    /// Where it is, from the root of the repository.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
}

/// A fenced block.
#[derive(Debug)]
pub struct Block {
    /// The line that it begins in, counted from 1.
    pub line: usize,
    /// The first word behind the fence; empty where there is none.
    pub language: String,
    /// The further words behind the fence, each `name=value` or `name`.
    pub markers: HashMap<String, String>,
    /// What stands between the fences, without the indentation of the fence itself.
    pub text: String,
    /// Whether it stands right behind the block before it: so output follows its commands.
    pub follows: bool,
}

/// A link, or an image.
#[derive(Debug)]
pub struct Link {
    /// The line that it is in, counted from 1.
    pub line: usize,
    /// Where it leads.
    pub target: String,
}

/// The root of the repository.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// All pages of the repository, by path.
pub fn all() -> Vec<Page> {
    let mut paths = Vec::new();
    collect(&root(), &mut paths);
    paths.sort();
    paths.into_iter().map(|path| read(&path)).collect()
}

/// The page at a path from the root of the repository.
pub fn read(path: &Path) -> Page {
    let text = fs::read_to_string(root().join(path))
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Page {
        path: path.to_path_buf(),
        text,
    }
}

fn collect(directory: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).expect("a directory of the repository can be read") {
        let path = entry.expect("it can be read to its end").path();
        let name = path.file_name().expect("it has a name").to_string_lossy();
        if path.is_dir() {
            if !SKIPPED.contains(&name.as_ref()) {
                collect(&path, paths);
            }
        } else if path.extension().is_some_and(|extension| extension == "md") {
            let path = path.strip_prefix(root()).expect("it is in the repository");
            paths.push(path.to_path_buf());
        }
    }
}

impl Page {
    /// The fenced blocks in their order.
    pub fn blocks(&self) -> Vec<Block> {
        let mut blocks = Vec::new();
        let mut follows = false;
        let mut lines = self.text.lines().enumerate();
        while let Some((number, line)) = lines.next() {
            let Some((indentation, info)) = fence(line) else {
                follows = false;
                continue;
            };
            let text: Vec<&str> = lines
                .by_ref()
                .map(|(_, line)| line)
                .take_while(|line| line.trim() != "```")
                .map(|line| {
                    line.get(..indentation)
                        .filter(|space| space.trim().is_empty())
                        .map_or(line.trim_start(), |_| &line[indentation..])
                })
                .collect();
            let mut words = info.split_whitespace();
            blocks.push(Block {
                line: number + 1,
                language: words.next().unwrap_or_default().to_owned(),
                markers: words
                    .map(|word| word.split_once('=').unwrap_or((word, "")))
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
                    .collect(),
                text: text.join("\n"),
                follows,
            });
            follows = true;
        }
        blocks
    }

    /// The lines that are prose: without fenced blocks, and without what stands between backticks.
    fn prose(&self) -> Vec<(usize, String)> {
        let mut prose = Vec::new();
        let mut lines = self.text.lines().enumerate();
        while let Some((number, line)) = lines.next() {
            if fence(line).is_some() {
                lines.by_ref().find(|(_, line)| line.trim() == "```");
            } else if !line.starts_with("    ") {
                prose.push((number + 1, line.split('`').step_by(2).collect()));
            }
        }
        prose
    }

    /// Where its links and images lead, those of HTML too.
    pub fn links(&self) -> Vec<Link> {
        let mut links = Vec::new();
        for (line, text) in self.prose() {
            for (before, after) in [
                ("](", ')'),
                ("href=\"", '"'),
                ("src=\"", '"'),
                ("srcset=\"", '"'),
            ] {
                for rest in text.split(before).skip(1) {
                    let target = rest.split(after).next().unwrap_or_default();
                    links.push(Link {
                        line,
                        target: target.to_owned(),
                    });
                }
            }
        }
        links
    }

    /// The anchors of its headings, as GitHub and mdBook make them.
    pub fn anchors(&self) -> Vec<String> {
        let mut anchors: Vec<String> = Vec::new();
        let mut lines = self.text.lines();
        while let Some(line) = lines.next() {
            if fence(line).is_some() {
                lines.by_ref().find(|line| line.trim() == "```");
                continue;
            }
            let title = line.trim_start_matches('#');
            if title.len() == line.len() || !title.starts_with(' ') {
                continue;
            }
            let anchor = anchor(title.trim());
            let earlier = anchors.iter().filter(|other| **other == anchor).count();
            if earlier > 0 {
                anchors.push(format!("{anchor}-{earlier}"));
            } else {
                anchors.push(anchor);
            }
        }
        anchors
    }
}

/// The indentation of an opening fence, and what stands behind it.
fn fence(line: &str) -> Option<(usize, &str)> {
    let rest = line.trim_start();
    let info = rest.strip_prefix("```")?;
    Some((line.len() - rest.len(), info))
}

fn anchor(title: &str) -> String {
    title
        .to_lowercase()
        .chars()
        .filter_map(|character| match character {
            ' ' => Some('-'),
            '-' | '_' => Some(character),
            _ => character.is_alphanumeric().then_some(character),
        })
        .collect()
}

#[test]
fn headings_become_anchors_as_they_do_elsewhere() {
    let page = Page {
        path: PathBuf::new(),
        text: "# What `api_tokens` does: all of it\n## Twice\n```sh\n# no heading\n```\n## Twice\n#tag\n".into(),
    };
    assert_eq!(
        page.anchors(),
        ["what-api_tokens-does-all-of-it", "twice", "twice-1"]
    );
}

#[test]
fn blocks_and_links_are_found() {
    let page = Page {
        path: PathBuf::new(),
        text: "See [a](b.md#c) and `[no](link)`.\n\n   ```sh not-run=needs-docker\n   run\n     it\n   ```\n```json\n{}\n```\n"
            .into(),
    };
    let links: Vec<String> = page.links().into_iter().map(|link| link.target).collect();
    assert_eq!(links, ["b.md#c"]);
    let blocks = page.blocks();
    assert_eq!(blocks[0].text, "run\n  it");
    assert_eq!(blocks[0].markers["not-run"], "needs-docker");
    assert_eq!(
        (blocks[1].language.as_str(), blocks[1].follows),
        ("json", true)
    );
}
