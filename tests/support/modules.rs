//! The modules of a package and the arrows between their files: which file names something that stands in which other one.
//!
//! Paths are read from the tokens of each file, so comments and texts don't count, and macros do. A path leads to the file that
//! defines its last name: re-exports are followed. Tests are left out.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::str::FromStr as _;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use crate::sources;

/// A path of names from the root of the crate.
type Names = Vec<String>;

/// What a file has at its top, and the paths that it writes.
#[derive(Debug, Default)]
struct Module {
    file: String,
    items: BTreeSet<String>,
    /// Imports and re-exports: the name here, and the path that it stands for.
    uses: BTreeMap<String, Names>,
    globs: Vec<Names>,
    paths: BTreeSet<Names>,
}

/// The modules of a package by their paths.
#[derive(Debug, Default)]
pub struct Modules(BTreeMap<Names, Module>);

/// A file and another one that it names something of, each by its path below `src`.
pub type Arrows = BTreeSet<(String, String)>;

impl Modules {
    /// Reads the sources of a package.
    ///
    /// # Panics
    ///
    /// When a source can't be read, or is no Rust.
    #[must_use]
    pub fn of(package: &str) -> Self {
        let src = sources::root().join(package).join("src");
        let mut modules = Self::default();
        for path in sources::below(&src, &["rs"]) {
            let file = path.strip_prefix(&src).expect("it is below").to_string_lossy().into_owned();
            let text = fs::read_to_string(&path).expect("a source can be read");
            let tokens = TokenStream::from_str(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
            let names = names_of(Path::new(&file));
            let mut module = Module { file, ..Module::default() };
            Reader { module: &mut module, here: &names }.read_items(tokens);
            modules.0.insert(names, module);
        }
        let tests: BTreeSet<_> = modules.0.iter().flat_map(|(names, module)| module.test_modules(names)).collect();
        modules.0.retain(|names, _| !(1..=names.len()).any(|end| tests.contains(&names[..end])));
        modules
    }

    /// Finds the arrows between files.
    #[must_use]
    pub fn arrows(&self) -> Arrows {
        let mut arrows = Arrows::new();
        for (names, module) in &self.0 {
            for path in &module.paths {
                let target = self.file_of(names, path, 0);
                arrows.extend(target.filter(|file| *file != module.file).map(|file| (module.file.clone(), file)));
            }
        }
        arrows
    }

    /// Follows a path to the file that defines its last name; none for one that leads out of the crate.
    fn file_of(&self, here: &[String], path: &[String], depth: usize) -> Option<String> {
        if depth > 16 {
            return None;
        }
        let mut at: Names = here.to_vec();
        let mut rest = path;
        // `self` and `super` were resolved, so that a path begins at the root or with a name that stands here.
        if let [first, others @ ..] = path
            && first == "crate"
        {
            at = Vec::new();
            rest = others;
        }
        let is_absolute = rest.len() != path.len();
        while let Some((name, others)) = rest.split_first() {
            let module = self.0.get(&at)?;
            let mut child = at.clone();
            child.push(name.clone());
            if module.items.contains(name) {
                return (is_absolute || at != here).then(|| module.file.clone());
            }
            if self.0.contains_key(&child) {
                at = child;
                rest = others;
                if rest.is_empty() {
                    // The module itself: what is taken from it counts where it is named.
                    return None;
                }
                continue;
            }
            if let Some(target) = module.uses.get(name) {
                let full: Names = target.iter().chain(others).cloned().collect();
                return self.file_of(&at, &full, depth + 1);
            }
            let through_glob = module.globs.iter().find_map(|glob| {
                let full: Names = glob.iter().chain(rest).cloned().collect();
                let file = self.file_of(&at, &full, depth + 1)?;
                let is_there = self.defines(&file, name);
                is_there.then_some(file)
            });
            return through_glob.or_else(|| (is_absolute || at != here).then(|| module.file.clone()));
        }
        None
    }

    fn defines(&self, file: &str, name: &str) -> bool {
        self.0.values().any(|module| module.file == file && module.items.contains(name))
    }
}

impl Module {
    fn test_modules<'a>(&'a self, names: &'a [String]) -> impl Iterator<Item = Names> + 'a {
        let tests = self.items.iter().filter_map(|item| item.strip_prefix("#test "));
        tests.map(|test| names.iter().cloned().chain([test.to_owned()]).collect())
    }
}

/// The module that a file is.
fn names_of(file: &Path) -> Names {
    let mut names: Names = file.with_extension("").iter().map(|name| name.to_string_lossy().into_owned()).collect();
    if names.last().is_some_and(|last| last == "mod" || last == "lib") {
        names.pop();
    }
    names
}

struct Reader<'a> {
    module: &'a mut Module,
    here: &'a [String],
}

impl Reader<'_> {
    /// Reads what stands at the top of a file, or in a module inside it.
    fn read_items(&mut self, tokens: TokenStream) {
        let tokens: Vec<_> = tokens.into_iter().collect();
        let mut is_test = false;
        let mut at = 0;
        while at < tokens.len() {
            let rest = &tokens[at..];
            match rest {
                [TokenTree::Punct(hash), TokenTree::Group(attribute), ..] if hash.as_char() == '#' => {
                    is_test |= is_for_tests(&attribute.to_string());
                    self.read_paths(attribute.stream());
                    at += 2;
                    continue;
                }
                [TokenTree::Ident(word), TokenTree::Ident(name), TokenTree::Punct(_), ..] if word == "mod" => {
                    if is_test {
                        self.module.items.insert(format!("#test {name}"));
                    }
                    at += 3;
                }
                [TokenTree::Ident(word), TokenTree::Ident(name), TokenTree::Group(body), ..] if word == "mod" => {
                    if !is_test {
                        self.module.items.insert(name.to_string());
                        self.read_inside(body.stream());
                    }
                    at += 3;
                }
                [TokenTree::Ident(word), ..] if word == "use" => {
                    let end = end_of(rest);
                    if !is_test {
                        self.read_use(&rest[1..end], &[]);
                    }
                    at += end + 1;
                }
                [TokenTree::Ident(word), TokenTree::Punct(_), TokenTree::Ident(name), ..] if word == "macro_rules" => {
                    self.module.items.insert(name.to_string());
                    at += 3;
                    continue;
                }
                [TokenTree::Ident(word), TokenTree::Ident(name), ..]
                    if ["fn", "struct", "enum", "trait", "type", "union", "static", "const"]
                        .contains(&word.to_string().as_str())
                        && !["fn", "unsafe", "mut", "extern", "async"].contains(&name.to_string().as_str()) =>
                {
                    if is_test {
                        at += item_end(rest);
                    } else {
                        self.module.items.insert(name.to_string());
                        at += 2;
                        continue;
                    }
                }
                // An item of a test is left out whole.
                [TokenTree::Ident(word), ..]
                    if is_test && ["impl", "const", "thread_local"].contains(&word.to_string().as_str()) =>
                {
                    at += item_end(rest);
                }
                [TokenTree::Ident(word), ..]
                    if word == "pub" || word == "async" || word == "unsafe" || word == "extern" =>
                {
                    at += 1;
                    continue;
                }
                [TokenTree::Group(group), ..] => {
                    self.read_paths(group.stream());
                    // The visibility of an item stands in brackets.
                    at += 1;
                    if group.delimiter() == Delimiter::Parenthesis {
                        continue;
                    }
                }
                _ => {
                    at += self.read_path(rest).max(1);
                    continue;
                }
            }
            is_test = false;
        }
    }

    /// Reads a module inside a file: its names count as those of the file, and `super` is the file.
    fn read_inside(&mut self, tokens: TokenStream) {
        let mut inside = Module { file: self.module.file.clone(), ..Module::default() };
        let here: Names = self.here.iter().cloned().chain(["inside".to_owned()]).collect();
        Reader { module: &mut inside, here: &here }.read_items(tokens);
        let own = |path: &Names| path.len() > self.here.len() + 1 && path[1..=self.here.len()] == *self.here;
        for path in inside.paths.into_iter().filter(|path| path[0] == "crate" && !own(path)) {
            self.module.paths.insert(path);
        }
        for path in inside.uses.into_values().filter(|path| path[0] == "crate") {
            self.module.paths.insert(path);
        }
    }

    fn read_use(&mut self, tokens: &[TokenTree], prefix: &[String]) {
        let mut path = prefix.to_vec();
        for (at, token) in tokens.iter().enumerate() {
            match token {
                TokenTree::Ident(word) if word == "as" => {
                    let name = tokens[at + 1].to_string();
                    return self.add_use(name, path);
                }
                TokenTree::Ident(word) => path.push(word.to_string()),
                TokenTree::Punct(star) if star.as_char() == '*' => {
                    let path = self.resolved(path);
                    return self.module.globs.push(path);
                }
                TokenTree::Group(group) => {
                    let inside: Vec<_> = group.stream().into_iter().collect();
                    let is_comma =
                        |token: &TokenTree| matches!(token, TokenTree::Punct(comma) if comma.as_char() == ',');
                    for part in inside.split(is_comma).filter(|part| !part.is_empty()) {
                        self.read_use(part, &path);
                    }
                    return;
                }
                _ => {}
            }
        }
        if path.last().is_some_and(|last| last == "self") {
            path.pop();
        }
        if let Some(name) = path.last().cloned() {
            self.add_use(name, path);
        }
    }

    fn add_use(&mut self, name: String, path: Names) {
        let path = self.resolved(path);
        self.module.uses.insert(name, path);
    }

    /// Reads every path in these tokens.
    fn read_paths(&mut self, tokens: TokenStream) {
        let tokens: Vec<_> = tokens.into_iter().collect();
        let mut at = 0;
        while at < tokens.len() {
            match &tokens[at] {
                TokenTree::Group(group) => {
                    self.read_paths(group.stream());
                    at += 1;
                }
                TokenTree::Ident(word) if word == "use" => {
                    let end = end_of(&tokens[at..]);
                    self.read_use(&tokens[at + 1..at + end], &[]);
                    at += end + 1;
                }
                // `$crate::..` stands in a macro for where it is used; `.name` is a field or a method.
                TokenTree::Punct(sign) if sign.as_char() == '$' || sign.as_char() == '.' => {
                    at += 2;
                    // A range, and not a method.
                    if matches!(tokens.get(at - 1), Some(TokenTree::Punct(_) | TokenTree::Group(_))) {
                        at -= 1;
                    }
                }
                _ => at += self.read_path(&tokens[at..]).max(1),
            }
        }
    }

    /// Reads the path that begins here, if any, and says how many tokens it has.
    fn read_path(&mut self, tokens: &[TokenTree]) -> usize {
        let mut path = Names::new();
        let mut at = 0;
        while let Some(TokenTree::Ident(word)) = tokens.get(at) {
            path.push(word.to_string());
            at += 1;
            let is_colon =
                |at: usize| matches!(tokens.get(at), Some(TokenTree::Punct(colon)) if colon.as_char() == ':');
            if !(is_colon(at) && is_colon(at + 1)) {
                break;
            }
            at += 2;
        }
        if !path.is_empty() {
            let path = self.resolved(path);
            self.module.paths.insert(path);
        }
        at
    }

    /// Replaces `self` and `super` at the start by the path from the root.
    fn resolved(&self, path: Names) -> Names {
        let supers = path.iter().take_while(|name| *name == "super").count();
        let own = usize::from(path.first().is_some_and(|name| name == "self"));
        if supers == 0 && own == 0 {
            return path;
        }
        let base = &self.here[..self.here.len().saturating_sub(supers)];
        ["crate".to_owned()]
            .into_iter()
            .chain(base.iter().cloned())
            .chain(path.into_iter().skip(supers + own))
            .collect()
    }
}

/// Whether an attribute leaves an item to tests.
fn is_for_tests(attribute: &str) -> bool {
    let compact: String = attribute.chars().filter(|c| !c.is_whitespace()).collect();
    let is_cfg = compact.starts_with("[cfg(") && !compact.contains("not(test)");
    is_cfg && ["(test)", "(test,", ",test)", ",test,"].iter().any(|word| compact.contains(word))
}

/// Where the statement that begins here ends, at its semicolon.
fn end_of(tokens: &[TokenTree]) -> usize {
    let is_end = |token: &TokenTree| matches!(token, TokenTree::Punct(sign) if sign.as_char() == ';');
    tokens.iter().position(is_end).unwrap_or(tokens.len())
}

/// Where the item that begins here ends: after its braces, or its semicolon.
fn item_end(tokens: &[TokenTree]) -> usize {
    let is_end = |token: &TokenTree| match token {
        TokenTree::Punct(sign) => sign.as_char() == ';',
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        _ => false,
    };
    tokens.iter().position(is_end).map_or(tokens.len(), |at| at + 1)
}

/// The groups of files that lead to each other, directly or through others; each sorted, and of two files or more.
#[must_use]
pub fn circles(arrows: &Arrows) -> Vec<BTreeSet<String>> {
    let rooms: BTreeSet<_> = arrows.iter().flat_map(|(from, to)| [from, to]).collect();
    let reach = |from: &String| {
        let mut seen = BTreeSet::new();
        let mut next = vec![from];
        while let Some(room) = next.pop() {
            for (_, to) in arrows.iter().filter(|(from, _)| from == room) {
                if seen.insert(to.clone()) {
                    next.push(to);
                }
            }
        }
        seen
    };
    let reached: BTreeMap<_, _> = rooms.iter().map(|room| ((*room).clone(), reach(room))).collect();
    let mut found = BTreeSet::new();
    for (room, others) in &reached {
        if others.contains(room) {
            found.insert(others.iter().filter(|other| reached[*other].contains(room)).cloned().collect());
        }
    }
    found.into_iter().collect()
}

/// The arrows between what stands directly in a folder: its files, and its folders as a whole.
#[must_use]
pub fn within(arrows: &Arrows, folder: &str) -> Arrows {
    let room = |file: &String| {
        let rest = if folder.is_empty() { file } else { file.strip_prefix(folder)?.strip_prefix('/')? };
        let first = rest.split('/').next().unwrap_or(rest);
        Some(first.trim_end_matches(".rs").to_owned())
    };
    let both = arrows.iter().filter_map(|(from, to)| Some((room(from)?, room(to)?)));
    both.filter(|(from, to)| from != to).collect()
}

/// Sorts the rooms of these arrows so that each comes after those that it leads to, as far as there is no circle.
#[must_use]
pub fn from_the_ground_up(arrows: &Arrows) -> Vec<String> {
    let mut rooms: BTreeSet<_> = arrows.iter().flat_map(|(from, to)| [from.clone(), to.clone()]).collect();
    let mut sorted = Vec::new();
    while !rooms.is_empty() {
        let is_free =
            |room: &&String| !arrows.iter().any(|(from, to)| from == *room && from != to && rooms.contains(to));
        let level: Vec<_> = rooms.iter().filter(is_free).cloned().collect();
        if level.is_empty() {
            break;
        }
        rooms.retain(|room| !level.contains(room));
        sorted.extend(level);
    }
    sorted
}
