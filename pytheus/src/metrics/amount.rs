//! Amounts: numbers of any type.

/// A number of any type: an amount to add, a value to set or to observe.
///
/// Integers need no cast. Prometheus stores every number as an `f64`, in which integers beyond 2^53 lose their last digits;
/// whole amounts added to a [`Counter`](super::Counter) stay exact to 2^64.
///
/// ```
/// # let sent = pytheus::metrics::Counter::builder("sent_bytes_total", "Bytes.").unregistered().build()?;
/// sent.inc_by(b"hello".len());
/// sent.inc_by(0.5);
/// assert_eq!(sent.get(), 5.5);
/// # Ok::<(), pytheus::error::RegisterError>(())
/// ```
#[diagnostic::on_unimplemented(message = "`{Self}` is no number that can be counted", label = "expected a number")]
pub trait Amount: sealed::Sealed {
    /// Converts the number to an `f64`.
    fn as_f64(self) -> f64;

    /// Returns a whole number from 0 to 2^64 - 1 as it is.
    fn as_whole(self) -> Option<u64>;
}

mod sealed {
    pub trait Sealed: Copy {}
}

/// 2^64, the first whole number that a `u64` can't hold.
const BEYOND_U64: f64 = 18_446_744_073_709_551_616.0;

macro_rules! floats {
    ($($ty:ty)*) => {$(
        impl sealed::Sealed for $ty {}

        impl Amount for $ty {
            #[inline]
            fn as_f64(self) -> f64 {
                self.into()
            }

            #[inline]
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked just before")]
            #[allow(clippy::float_cmp, reason = "a whole number equals itself")]
            fn as_whole(self) -> Option<u64> {
                let number = f64::from(self);
                // Nearly all are below 2^63, where this takes a few instructions.
                let whole = number as i64;
                if (0..i64::MAX).contains(&whole) {
                    return (whole as f64 == number).then_some(whole as u64);
                }
                (0.0..BEYOND_U64).contains(&number).then_some(number as u64)
            }
        }
    )*};
}

macro_rules! integers {
    ($($ty:ty)*) => {$(
        impl sealed::Sealed for $ty {}

        impl Amount for $ty {
            #[inline]
            #[allow(clippy::cast_lossless, reason = "lossless for some of them only")]
            fn as_f64(self) -> f64 {
                self as f64
            }

            #[inline]
            fn as_whole(self) -> Option<u64> {
                self.try_into().ok()
            }
        }
    )*};
}

floats!(f32 f64);
integers!(u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize);
