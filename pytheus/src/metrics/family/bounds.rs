//! Finds the bucket of a value.

/// The upper bounds of a histogram in groups of four, which are compared at once; the last is filled up.
#[derive(Debug)]
pub(crate) struct Bounds(Box<[[f64; 4]]>);

impl Bounds {
    /// Takes bounds in rising order.
    pub(crate) fn new(bounds: &[f64]) -> Self {
        let four = |bounds: &[f64]| std::array::from_fn(|index| bounds.get(index).copied().unwrap_or(f64::INFINITY));
        Self(bounds.chunks(4).map(four).collect())
    }

    /// Returns the bucket of a finite value. A value equal to a bound belongs to it (`le`).
    #[inline]
    pub(crate) fn bucket_of(&self, value: f64) -> usize {
        // Few bounds cost less than mispredicted branches.
        const FEW: usize = 8;
        if self.0.len() <= FEW {
            return below(&self.0, value);
        }
        let full = self.0.partition_point(|four| four[3] < value);
        full * 4 + below(self.0.get(full..=full).unwrap_or_default(), value)
    }
}

/// Counts the bounds below the value.
#[inline]
fn below(bounds: &[[f64; 4]], value: f64) -> usize {
    // Four sums side by side, for the vector registers.
    let mut counts = [0_usize; 4];
    for four in bounds {
        for (count, bound) in counts.iter_mut().zip(four) {
            *count += usize::from(*bound < value);
        }
    }
    counts.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_falls_into_the_first_bucket_that_holds_it() {
        for count in 1..100 {
            let bounds: Vec<f64> = (0..count).map(f64::from).collect();
            let ours = Bounds::new(&bounds);
            for value in (-2..=2 * count + 2).map(|half| f64::from(half) / 2.0) {
                let expected = bounds.iter().filter(|bound| **bound < value).count();
                assert_eq!(ours.bucket_of(value), expected, "{value} in {count} bounds");
            }
        }
    }
}
