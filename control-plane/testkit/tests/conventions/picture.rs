//! The picture in control-plane/README.md: which package may use which.

use std::{collections::BTreeMap, path::Path};

/// What a line of the picture allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Arrows {
    /// Nothing of the repository: a leaf.
    Leaf,
    /// Whatever stands above the line: for what joins all parts, or watches them from outside.
    AllAbove(Vec<String>),
    /// These folders.
    To(Vec<String>),
}

// === impl Arrows ===

impl Arrows {
    /// The folders that may be used.
    pub(crate) fn folders(&self) -> &[String] {
        match self {
            Self::Leaf => &[],
            Self::AllAbove(folders) | Self::To(folders) => folders,
        }
    }
}

/// Reads the first code block of the README: folders and what they may use.
///
/// # Errors
/// When a line cannot be understood: which, and why.
pub(crate) fn read(readme: &str) -> Result<BTreeMap<String, Arrows>, String> {
    let block = readme.split("```").nth(1).ok_or("no picture in the README")?;
    let mut above: Vec<String> = Vec::new();
    let mut picture = BTreeMap::new();
    for line in block.lines().filter(|line| !line.trim().is_empty()) {
        let mut cells = line.split("  ").map(str::trim).filter(|cell| !cell.is_empty());
        let folder = folder(cells.next().unwrap_or_default());
        let cell = cells.find(|cell| *cell == "LEAF" || cell.starts_with("-> "));
        let arrows = match cell.ok_or_else(|| format!("neither LEAF nor an arrow: {line}"))? {
            "LEAF" => Arrows::Leaf,
            "-> all above" => Arrows::AllAbove(above.clone()),
            list => Arrows::To(targets(list.trim_start_matches("-> "), &above)?),
        };
        above.push(folder.clone());
        picture.insert(folder, arrows);
    }
    Ok(picture)
}

/// A place of the picture, as a folder from the top of the repository.
fn folder(place: &str) -> String {
    place.strip_prefix("../").map_or_else(|| format!("control-plane/{place}"), str::to_owned)
}

/// An arrow names the last part of a folder, and points upwards.
fn targets(list: &str, above: &[String]) -> Result<Vec<String>, String> {
    let find = |name: &str| above.iter().find(|folder| Path::new(folder).ends_with(name)).cloned();
    list.split(", ").map(|name| find(name).ok_or_else(|| format!("no line above is called {name}"))).collect()
}

// === tests ===

#[test]
fn a_picture_says_leaf_all_above_or_a_list() {
    let readme =
        "# Where\n```\n../low    LEAF    bytes\nmid  bin  -> low   words -> more\ntop   -> all above   x\n```\n";
    let picture = read(readme).expect("a picture");
    assert_eq!(picture["low"], Arrows::Leaf);
    assert_eq!(picture["control-plane/mid"], Arrows::To(vec!["low".into()]));
    assert_eq!(picture["control-plane/top"], Arrows::AllAbove(vec!["low".into(), "control-plane/mid".into()]));
}

#[test]
fn an_arrow_points_upwards_only() {
    assert_eq!(read("```\na  -> b   x\nb  LEAF  y\n```"), Err("no line above is called b".into()));
}
