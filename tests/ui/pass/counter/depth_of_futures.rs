//! Async functions that call each other, each under several attributes, are `Send` to a depth that a service has.
#![deny(warnings, missing_docs)]
use pytheus::{counter, gauge, histogram};

/// Writes a module with functions that each await the next.
macro_rules! chain {
    ($(#[$attribute:meta])* mod $module:ident { $($name:ident)* }) => {
        mod $module {
            use super::*;

            chain! { @ ($(#[$attribute])*) $($name)* }
        }
    };
    (@ ($($attributes:tt)*) $name:ident) => {
        $($attributes)*
        pub async fn $name(x: u32) -> Result<u32, String> {
            Ok(x)
        }
    };
    (@ ($($attributes:tt)*) $name:ident $next:ident $($more:ident)*) => {
        $($attributes)*
        pub async fn $name(x: u32) -> Result<u32, String> {
            $next(x + 1).await
        }

        chain! { @ ($($attributes)*) $next $($more)* }
    };
}

chain! {
    #[counter(name = "guards_total", help = "H.")]
    #[histogram(name = "guards_seconds", help = "H.", labels(n = 1 + 1))]
    #[gauge(name = "guards", help = "H.", track_inprogress)]
    mod guards {
        f0 f1 f2 f3 f4 f5 f6 f7 f8 f9 f10 f11 f12 f13 f14 f15 f16 f17 f18 f19 f20 f21 f22 f23 f24 f25 f26 f27 f28 f29 f30
        f31 f32
    }
}

chain! {
    #[counter(name = "one_total", help = "H.", labels(outcome))]
    mod one { f0 f1 f2 f3 f4 f5 f6 f7 f8 f9 f10 f11 f12 f13 }
}

chain! {
    #[counter(name = "three_total", help = "H.", labels(outcome))]
    #[histogram(name = "three_seconds", help = "H.", labels(outcome))]
    #[gauge(name = "three_last", help = "H.", set_to_current_time, on = ok)]
    mod three { f0 f1 f2 f3 f4 f5 f6 f7 f8 f9 f10 f11 f12 f13 }
}

chain! {
    #[counter(name = "mixed_total", help = "H.", labels(outcome))]
    #[gauge(name = "mixed", help = "H.", track_inprogress)]
    #[histogram(name = "mixed_seconds", help = "H.", labels(ok = ret.is_ok(), n = 1 + 1))]
    #[counter(name = "mixed_errors_total", help = "H.", on = error)]
    #[counter(name = "mixed_panics_total", help = "H.", on = panicked)]
    mod mixed { f0 f1 f2 f3 f4 f5 f6 f7 f8 f9 f10 f11 f12 f13 }
}

fn send<T: Send>(_: T) {}

fn main() {
    send(guards::f0(1));
    send(one::f0(1));
    send(three::f0(1));
    send(mixed::f0(1));
}
