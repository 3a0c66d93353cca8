//! Which part of the files' paths is theirs.

use std::path::{Path, PathBuf};

/// What all absolute paths begin with, their names left out. Relative paths are kept whole.
pub fn common_folder(files: &[PathBuf]) -> PathBuf {
    let mut absolute = files.iter().filter(|file| file.is_absolute());
    let Some(first) = absolute.next() else { return PathBuf::new() };
    let mut base = first.parent().unwrap_or(Path::new("/")).to_owned();
    for file in absolute {
        while !file.starts_with(&base) && base.pop() {}
    }
    base
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_kept() {
        let of =
            |files: &[&str]| common_folder(&files.iter().map(PathBuf::from).collect::<Vec<_>>());
        assert_eq!(of(&["/d/a/x.csv", "/d/b/y.csv"]), Path::new("/d"));
        assert_eq!(of(&["/d/a/x.csv"]), Path::new("/d/a"));
        assert_eq!(of(&["a/x.csv", "b/y.csv"]), Path::new(""));
    }
}
