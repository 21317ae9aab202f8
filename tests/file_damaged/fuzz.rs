//! Whatever is in a file, reading it neither panics nor goes on for ever: some thousand files that are nearly right.
//! `cargo fuzz`, from the same ones, makes more of them.
#![cfg(unix)]

use std::fs;
use std::path::Path;

use pytheus::__private::fuzz_read;

/// Files of each sort that is read, for which `the_file_format_has_not_changed` stands.
fn corpus() -> Vec<(String, Vec<u8>)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/file");
    let entries = fs::read_dir(directory).expect("the corpus is there");
    let read = entries.map(|entry| {
        let path = entry.expect("an entry can be read").path();
        let name = path.file_name().expect("it has a name").to_string_lossy().into_owned();
        (name, fs::read(&path).expect("a file can be read"))
    });
    let mut corpus: Vec<_> = read.collect();
    corpus.sort();
    assert!(corpus.len() >= 10, "{} files", corpus.len());
    corpus
}

/// Random numbers: xorshift, G. Marsaglia, 2003.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end.max(1) as u64).expect("less than `end`")
    }

    /// A place in the file: mostly where there is something.
    fn place(&mut self, bytes: &[u8]) -> usize {
        for _ in 0..20 {
            let place = self.below(bytes.len());
            if bytes[place] != 0 {
                return place;
            }
        }
        self.below(bytes.len())
    }
}

const NUMBERS: [u64; 12] =
    [0, 1, 7, 8, 511, 512, 4096, 16_384, 32_768, 0x7fff_ffff, 0xffff_ffff, 0xffff_ffff_ffff_ffff];

/// Changes something, in one of the ways in which files go wrong.
fn change(bytes: &mut Vec<u8>, random: &mut Random, others: &[(String, Vec<u8>)]) {
    let place = random.place(bytes);
    match random.below(8) {
        0 | 1 => bytes[place] ^= 1 << random.below(8),
        2 => bytes[place] = random.next().to_le_bytes()[0],
        3 => {
            // A number, where numbers are.
            let number = NUMBERS[random.below(NUMBERS.len())].to_le_bytes();
            let (place, len) = (place / 4 * 4, [4, 8][random.below(2)]);
            let end = (place + len).min(bytes.len());
            bytes[place..end].copy_from_slice(&number[..end - place]);
        }
        4 => bytes.truncate(place + 1),
        5 => {
            // A piece, somewhere else.
            let end = (place + 1 + random.below(200)).min(bytes.len());
            let piece = bytes[place..end].to_vec();
            let to = random.place(bytes).min(bytes.len() - piece.len());
            bytes[to..to + piece.len()].copy_from_slice(&piece);
        }
        6 => {
            let (_, other) = &others[random.below(others.len())];
            let end = place.max(random.below(other.len())).min(other.len()).min(bytes.len());
            let place = place.min(end);
            bytes[place..end].copy_from_slice(&other[place..end]);
        }
        _ => bytes.resize(bytes.len() + random.below(5000), random.next().to_le_bytes()[0]),
    }
}

fn read_changed(seed: u64, rounds: usize) -> usize {
    println!("seed {seed:#x}");
    let corpus = corpus();
    let mut random = Random(seed);
    let mut good = 0;
    for (name, whole) in &corpus {
        for round in 0..rounds {
            let mut bytes = whole.clone();
            for _ in 0..=random.below(4) {
                change(&mut bytes, &mut random, &corpus);
            }
            good += fuzz_read(&bytes).unwrap_or_else(|error| panic!("{name}, round {round}: {error}"));
        }
    }
    good
}

#[test]
fn mutated_files_are_read_or_refused() {
    // Some are as good as before: where they are changed nothing is, or it is a number that is counted.
    assert!(read_changed(0x2545_f491_4f6c_dd1d, 150) > 100);
}

#[test]
fn truncated_files_are_read_or_refused() {
    for (name, whole) in corpus() {
        for len in (0..whole.len()).step_by(if whole.len() > 1000 { 97 } else { 1 }) {
            fuzz_read(&whole[..len]).unwrap_or_else(|error| panic!("{name} of {len} bytes: {error}"));
        }
    }
}

#[test]
fn noise_is_refused() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for len in 0..300 {
        let bytes: Vec<u8> = (0..len * 31).map(|_| random.next().to_le_bytes()[0]).collect();
        assert_eq!(fuzz_read(&bytes).expect("there is room"), 0);
    }
}
