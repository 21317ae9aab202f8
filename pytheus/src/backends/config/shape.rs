//! Describing a value without showing it: any value may be a secret that stands in the wrong place.

use std::path::{Component, Path};

/// The form of a value that is neither the name of a class nor the path of a file, so that the slip can be found.
pub(crate) fn shape(text: &str) -> &'static str {
    let trimmed = text.trim();
    if trimmed.starts_with(['{', '[']) {
        "begins like JSON itself"
    } else if text.contains("://") {
        "is like a URL"
    } else if let Some(unexpanded) = unexpanded(text) {
        unexpanded
    } else if trimmed.starts_with(['"', '\'']) || trimmed.ends_with(['"', '\'']) {
        "has quotes around it"
    } else if trimmed != text {
        "has blanks or a line break around it"
    } else if text.contains(char::REPLACEMENT_CHARACTER) {
        "is not UTF-8"
    } else if text.contains('/') {
        "is like a path"
    } else {
        "is like neither a path nor a name that is known"
    }
}

/// The part of a path that only a shell would replace, if there is such a part.
pub(crate) fn unexpanded(path: &str) -> Option<&'static str> {
    if path.starts_with('~') {
        return Some("begins with `~`, which is not replaced here: write the whole path");
    }
    let is_name = |name: &str| {
        let name = name.trim_start_matches('{');
        name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
    };
    if path.split('$').skip(1).any(is_name) {
        return Some("has a variable such as `$HOME`, which is not replaced here: write the whole path");
    }
    let mut parts = path.split('%').skip(1);
    let is_whole = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let has_variable = path.matches('%').count() > 1 && parts.any(|part| is_whole(part) && is_name(part));
    has_variable.then_some("has a variable such as `%HOME%`, which is not replaced here: write the whole path")
}

/// The part of a path that is there: what is not there may be a secret. `.` where nothing of it is.
pub(crate) fn existing(path: &Path) -> &Path {
    let there = path.ancestors().find(|path| !path.as_os_str().is_empty() && path.symlink_metadata().is_ok());
    there.unwrap_or_else(|| {
        let is_absolute = path.components().next() == Some(Component::RootDir);
        Path::new(if is_absolute { "/" } else { "." })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_shell_would_replace_is_found_and_nothing_else() {
        for path in ["~", "~/m", "~shop/m", "$HOME/m", "/run/${SHOP}", "a/$shop", "%HOME%/m", "C:/%TEMP%"] {
            assert!(unexpanded(path).is_some(), "{path}");
        }
        for path in ["/run/shop", "a~", "./~/m", "/100%/50%", "/a$", "/$5", "/run/100%"] {
            assert_eq!(unexpanded(path), None, "{path}");
        }
    }

    #[test]
    fn a_path_is_shown_as_far_as_it_is_there() {
        assert_eq!(existing(Path::new("/dev/null")), Path::new("/dev/null"));
        assert_eq!(existing(Path::new("/dev/none-such/secret")), Path::new("/dev"));
        assert_eq!(existing(Path::new("none-such/secret")), Path::new("."));
    }
}
