//! Comments name their subjects: few sentences begin with a pronoun, and few clauses hang on one.
//!
//! `PYTHEUS_PROSE=FOLDER:FOLDER cargo test -p pytheus-tests --test prose -- --nocapture` counts in other folders, file by file.

use std::path::{Path, PathBuf};
use std::{env, fs};

use support::sources;

/// Words at the start of a sentence in place of a noun.
const STARTS: [&str; 7] = ["who", "what", "those", "one", "nobody", "whoever", "whatever"];

/// Words that hang a clause on another one.
const RELATIVES: [&str; 7] = ["who", "whom", "whose", "which", "that", "what", "whoever"];

#[derive(Debug, Default, Clone, Copy)]
struct Counts {
    sentences: usize,
    starts: usize,
    words: usize,
    relatives: usize,
}

impl Counts {
    fn of(text: &str, is_markdown: bool) -> Self {
        let mut counts = Self::default();
        for paragraph in paragraphs(text, is_markdown) {
            for sentence in sentences(&paragraph) {
                counts.add_sentence(sentence);
            }
        }
        counts
    }

    fn add_sentence(&mut self, sentence: &str) {
        let is_letter = |c: char| c.is_alphanumeric() || c == '\'' || c == '-' || c == '_';
        let words: Vec<_> =
            sentence.split(|c| !is_letter(c)).filter(|word| word.contains(char::is_alphabetic)).collect();
        if words.len() < 3 {
            return;
        }
        self.sentences += 1;
        self.words += words.len();
        self.starts += usize::from(STARTS.contains(&words[0].to_lowercase().as_str()));
        self.relatives += words.iter().filter(|word| RELATIVES.contains(&word.to_lowercase().as_str())).count();
    }

    fn plus(self, other: Self) -> Self {
        Self {
            sentences: self.sentences + other.sentences,
            starts: self.starts + other.starts,
            words: self.words + other.words,
            relatives: self.relatives + other.relatives,
        }
    }

    fn percent_of_starts(self) -> f64 {
        100.0 * self.starts as f64 / self.sentences.max(1) as f64
    }

    fn relatives_per_100_words(self) -> f64 {
        100.0 * self.relatives as f64 / self.words.max(1) as f64
    }

    fn line(self) -> String {
        format!(
            "{:5} sentences, {:4.1} % begin with a pronoun; {:6} words, {:4.1} relatives per 100",
            self.sentences,
            self.percent_of_starts(),
            self.words,
            self.relatives_per_100_words()
        )
    }
}

/// The paragraphs of comments, or of a page: without code, tables, headings and the targets of links.
fn paragraphs(text: &str, is_markdown: bool) -> Vec<String> {
    let mut found = vec![String::new()];
    let mut is_fenced = false;
    for line in text.lines() {
        let line = line.trim();
        let comment = if is_markdown {
            Some(line)
        } else {
            let after = line.strip_prefix("//");
            after.map(|rest| rest.trim_start_matches(['/', '!']).trim())
        };
        let Some(comment) = comment else {
            found.push(String::new());
            continue;
        };
        if comment.starts_with("```") {
            is_fenced = !is_fenced;
            found.push(String::new());
            continue;
        }
        let is_break = comment.is_empty() || comment.starts_with(['#', '|', '>']) || comment.starts_with("===");
        if is_fenced || is_break {
            found.push(String::new());
            continue;
        }
        let is_item = comment.starts_with("- ") || comment.starts_with("* ");
        if is_item {
            found.push(String::new());
        }
        let last = found.last_mut().expect("one is there from the start");
        last.push(' ');
        last.push_str(comment.trim_start_matches(['-', '*', ' ']));
    }
    found.iter().map(|paragraph| without_code(paragraph)).collect()
}

/// Replaces code by a word and drops the targets of links.
fn without_code(paragraph: &str) -> String {
    let mut text = String::new();
    for (index, piece) in paragraph.split('`').enumerate() {
        text.push_str(if index % 2 == 0 { piece } else { "code" });
    }
    let mut plain = String::new();
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once("](") {
        plain.push_str(before);
        rest = after.split_once(')').map_or("", |(_, after)| after);
    }
    plain + rest
}

fn sentences(paragraph: &str) -> impl Iterator<Item = &str> {
    let ends = paragraph.char_indices().filter(|(at, c)| {
        ['.', '!', '?'].contains(c) && paragraph[at + c.len_utf8()..].chars().next().is_none_or(char::is_whitespace)
    });
    let mut starts: Vec<_> = ends.map(|(at, _)| at + 1).collect();
    starts.push(paragraph.len());
    let mut from = 0;
    starts.into_iter().map(move |to| {
        let sentence = &paragraph[from..to];
        from = to;
        sentence
    })
}

fn counts_of(path: &Path) -> Counts {
    let is_markdown = path.extension().is_some_and(|extension| extension == "md");
    Counts::of(&fs::read_to_string(path).expect("a source can be read"), is_markdown)
}

fn sum(files: &[PathBuf]) -> Counts {
    files.iter().map(|path| counts_of(path)).fold(Counts::default(), Counts::plus)
}

#[test]
fn comments_name_their_subjects() {
    for folder in env::var("PYTHEUS_PROSE").iter().flat_map(|folders| folders.split(':')) {
        let files = sources::below(&sources::root().join(folder), &["rs", "md"]);
        for path in &files {
            println!("{} {}", counts_of(path).line(), path.display());
        }
        println!("{} {folder}", sum(&files).line());
    }
    for package in ["pytheus", "pytheus-macros"] {
        let counts = sum(&sources::below(&sources::root().join(package).join("src"), &["rs", "md"]));
        println!("{} {package}", counts.line());
        assert!(counts.sentences > 300, "{package} has comments");
        assert!(counts.percent_of_starts() < 2.0, "{package}: {}", counts.line());
        assert!(counts.relatives_per_100_words() <= 2.5, "{package}: {}", counts.line());
    }
}

#[test]
fn code_tables_and_headings_are_no_sentences() {
    let text = "/// Adds `x.what` up, [as told](that.html).\n/// ```\n/// what is code\n/// ```\n/// | what a table |\n\
                /// # What a heading is\nlet one = 1;\n// Who counts here? One more.\n";
    let counts = Counts::of(text, false);
    assert_eq!((counts.sentences, counts.starts, counts.words, counts.relatives), (2, 1, 8, 1), "{counts:?}");
}
