//! The configured faults, and the events.

use std::sync::Weak;
use std::time::Duration;

use support::multi::Random;

use super::{Counts, Link, Way};
use crate::resp::Value;

#[derive(Debug)]
pub(super) struct State {
    pub(super) closed: bool,
    pub(super) silent: bool,
    pub(super) random: Random,
    /// Lost commands and replies per thousand.
    pub(super) losing: [u64; 2],
    pub(super) delay: [Duration; 2],
    /// Bytes before the connection breaks.
    pub(super) left: [Option<u64>; 2],
    pub(super) watched: String,
    pub(super) counts: Counts,
    pub(super) trips: Vec<Vec<String>>,
    pub(super) links: Vec<Weak<Link>>,
}

/// The treatment of a command or reply.
pub(super) enum Fate {
    Pass,
    /// Forwards some bytes, then breaks the connection.
    Break(usize),
    Lose {
        hang: bool,
    },
}

impl State {
    pub(super) fn new() -> Self {
        Self {
            closed: false,
            silent: false,
            random: Random(0),
            losing: [0; 2],
            delay: [Duration::ZERO; 2],
            left: [None; 2],
            watched: "EVAL".to_owned(),
            counts: Counts::default(),
            trips: Vec::new(),
            links: Vec::new(),
        }
    }

    /// Takes a command into its round trip.
    pub(super) fn note(&mut self, command: &Value, trip: &mut Option<usize>, waits: bool) {
        let name = match command {
            Value::List(words) => words.first().map(Value::text).unwrap_or_default().to_uppercase(),
            other => other.text(),
        };
        match *trip {
            Some(at) if waits && at < self.trips.len() => self.trips[at].push(name),
            _ => {
                *trip = Some(self.trips.len());
                self.trips.push(vec![name]);
            }
        }
    }

    pub(super) fn fate(&mut self, way: Way, length: usize, is_batch: bool) -> Fate {
        if let Some(left) = self.left[way as usize] {
            let length = length as u64;
            if length >= left {
                self.left[way as usize] = None;
                self.counts.resets += 1;
                return Fate::Break(usize::try_from(left).unwrap_or_default());
            }
            self.left[way as usize] = Some(left - length);
        }
        if self.random.below(1_000) < self.losing[way as usize] {
            match way {
                Way::ToServer => self.counts.lost_requests += u64::from(is_batch),
                Way::ToClient => self.counts.lost_replies += u64::from(is_batch),
            }
            return Fate::Lose { hang: self.random.below(2) == 0 };
        }
        Fate::Pass
    }
}
