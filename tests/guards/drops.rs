//! An annotated function drops its arguments in the order of the plain one: for each shape, both run side by side.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

thread_local! {
    static DROPPED: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Says when it is dropped.
struct N(&'static str);

impl Drop for N {
    fn drop(&mut self) {
        DROPPED.with_borrow_mut(|dropped| {
            dropped.push_str(self.0);
            dropped.push(' ');
        });
    }
}

impl N {
    /// A temporary that says so too, and borrows.
    fn temporary(&self) -> Borrows<'_> {
        Borrows(self)
    }
}

struct Borrows<'a>(&'a N);

impl Drop for Borrows<'_> {
    fn drop(&mut self) {
        DROPPED.with_borrow_mut(|dropped| dropped.extend(["&", self.0.0, " "]));
    }
}

impl Borrows<'_> {
    fn len(&self) -> usize {
        self.0.0.len()
    }
}

/// What a call drops, in order; a panic is caught.
fn dropped(call: impl FnOnce()) -> String {
    DROPPED.with_borrow_mut(String::clear);
    let ended = catch_unwind(AssertUnwindSafe(call));
    DROPPED.with_borrow_mut(|dropped| {
        dropped.push_str(if ended.is_ok() { "." } else { "!" });
        std::mem::take(dropped)
    })
}

/// Polls a future so often, then drops it.
fn drive<F: Future>(future: F, polls: usize) {
    let mut future = pin!(future);
    for _ in 0..polls {
        if future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
            return;
        }
    }
}

/// Is pending once.
struct Pause(bool);

impl Future for Pause {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) { Poll::Ready(()) } else { Poll::Pending }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    Return,
    Early,
    Question,
    Panic,
}

const ENDS: [End; 4] = [End::Return, End::Early, End::Question, End::Panic];

fn question(end: End) -> Result<(), String> {
    match end {
        End::Question => Err("as asked".to_owned()),
        End::Panic => resume_unwind(Box::new("on purpose")),
        _ => Ok(()),
    }
}

struct Pair {
    #[allow(dead_code, reason = "it says when it is dropped")]
    left: N,
    right: N,
}

fn pair(left: &'static str, right: &'static str) -> Pair {
    Pair { left: N(left), right: N(right) }
}

/// The table: each shape once, in a module per attribute.
macro_rules! shapes {
    ($module:ident $(#[$attribute:meta])*) => {
        #[allow(dead_code, clippy::boxed_local, clippy::unused_async, clippy::needless_pass_by_value, clippy::used_underscore_binding)]
        mod $module {
            use super::*;

            type Ended = Result<usize, String>;

            /// A value with parts, to take `self` apart.
            struct Owner {
                first: N,
                second: N,
            }

            fn owner() -> Owner {
                Owner { first: N("first"), second: N("second") }
            }

            $(#[$attribute])*
            fn uses_in_another_order(a: N, b: N, _: N, end: End) -> Ended {
                let _locals = (N("local1"), &b, &a);
                question(end)?;
                if end == End::Early {
                    return Ok(1);
                }
                let _last = N("local2");
                Ok(2)
            }

            $(#[$attribute])*
            fn uses_none(_a: N, _: N, b: N, _: (N, N)) -> Ended {
                let _ = &b;
                Ok(1)
            }

            $(#[$attribute])*
            fn takes_patterns((x, _): (N, N), Pair { right, .. }: Pair, [_, y]: [N; 2], (_, ref z): (N, N)) -> Ended {
                let _local = (N("local"), &y, z);
                Ok(x.0.len() + right.0.len())
            }

            $(#[$attribute])*
            fn moves_some(a: N, mut b: N, c: N, end: End) -> Ended {
                question(end)?;
                let c = c;
                if end == End::Early {
                    b = a;
                }
                Ok(c.0.len() + b.0.len())
            }

            $(#[$attribute])*
            fn ends_with_a_temporary(a: N, b: N) -> Ended {
                let local = N("local");
                let _ = &local;
                Ok(b.temporary().len() + a.temporary().len() + N("owned").0.len())
            }

            $(#[$attribute])*
            fn is_generic<T, F: FnOnce() -> T>(make: F, a: T, b: impl Sized, c: Option<T>) -> Ended {
                let _made = make();
                let _ = (&c, &b, &a);
                Ok(3)
            }

            impl Owner {
                $(#[$attribute])*
                fn takes_self(self, a: N, b: N, end: End) -> Ended {
                    let _ = (&self.second, &b);
                    question(end)?;
                    let _moved = self.second;
                    Ok(a.0.len())
                }

                $(#[$attribute])*
                fn leaves_self(self: Box<Self>, a: N, _: N) -> Ended {
                    Ok(a.0.len())
                }

                $(#[$attribute])*
                async fn awaits_self(mut self, a: N, _: N, end: End) -> Ended {
                    Pause(false).await;
                    question(end)?;
                    let _moved = std::mem::replace(&mut self.first, a);
                    Pause(false).await;
                    Ok(1)
                }
            }

            $(#[$attribute])*
            async fn awaits(a: N, b: N, _: N, (x, _): (N, N), end: End) -> Ended {
                let _locals = (N("local1"), &b, &x);
                Pause(false).await;
                question(end)?;
                if end == End::Early {
                    drop(a);
                    return Ok(1);
                }
                let _last = N("local2");
                Pause(false).await;
                Ok(b.temporary().len())
            }

            $(#[$attribute])*
            fn returns_a_future(a: N, b: N, _: N, end: End) -> impl Future<Output = Ended> {
                let _local = (N("local"), &b);
                async move {
                    Pause(false).await;
                    question(end)?;
                    Ok(a.0.len())
                }
            }

            $(#[$attribute])*
            fn boxes_a_future(a: N, b: N, _: N, end: End) -> Pin<Box<dyn Future<Output = Ended>>> {
                let _local = (N("local"), &b, &a);
                Box::pin(async move {
                    Pause(false).await;
                    question(end)?;
                    Ok(a.0.len())
                })
            }

            $(#[$attribute])*
            fn boxes_alone(a: N, b: N, _: N, end: End) -> Pin<Box<dyn Future<Output = Ended>>> {
                Box::pin(async move {
                    let _ = (&b, &a);
                    Pause(false).await;
                    question(end)?;
                    Ok(1)
                })
            }

            #[async_trait::async_trait(?Send)]
            trait Work {
                async fn in_trait(self, a: N, _: N, (x, _): (N, N), end: End) -> Ended;
            }

            #[async_trait::async_trait(?Send)]
            impl Work for Owner {
                $(#[$attribute])*
                async fn in_trait(self, a: N, _: N, (x, _): (N, N), end: End) -> Ended {
                    let _ = (&x, &a);
                    Pause(false).await;
                    question(end)?;
                    Ok(self.first.0.len())
                }
            }

            /// What each shape drops, however it ends.
            pub(super) fn all() -> Vec<(String, String)> {
                let mut all = Vec::new();
                let mut note = |name: String, call: &mut dyn FnMut()| all.push((name, dropped(call)));
                note("uses_none".into(), &mut || drop(uses_none(N("a"), N("_"), N("b"), (N("_1"), N("_2")))));
                note("takes_patterns".into(), &mut || {
                    let fourth = (N("_4"), N("z"));
                    drop(takes_patterns((N("x"), N("_x")), pair("_l", "r"), [N("_y"), N("y")], fourth));
                });
                note("ends_with_a_temporary".into(), &mut || drop(ends_with_a_temporary(N("a"), N("b"))));
                note("is_generic".into(), &mut || drop(is_generic(|| N("made"), N("a"), N("b"), Some(N("c")))));
                note("leaves_self".into(), &mut || drop(Box::new(owner()).leaves_self(N("a"), N("_"))));
                for end in ENDS {
                    note(format!("uses_in_another_order, {end:?}"), &mut || {
                        drop(uses_in_another_order(N("a"), N("b"), N("_"), end));
                    });
                    note(format!("moves_some, {end:?}"), &mut || drop(moves_some(N("a"), N("b"), N("c"), end)));
                    note(format!("takes_self, {end:?}"), &mut || drop(owner().takes_self(N("a"), N("b"), end)));
                    for polls in 0..=3 {
                        let case = format!("{end:?}, polled {polls} times");
                        note(format!("awaits, {case}"), &mut || {
                            drive(awaits(N("a"), N("b"), N("_"), (N("x"), N("_x")), end), polls);
                        });
                        note(format!("awaits_self, {case}"), &mut || {
                            drive(owner().awaits_self(N("a"), N("_"), end), polls);
                        });
                        note(format!("returns_a_future, {case}"), &mut || {
                            drive(returns_a_future(N("a"), N("b"), N("_"), end), polls);
                        });
                        note(format!("boxes_a_future, {case}"), &mut || {
                            drive(boxes_a_future(N("a"), N("b"), N("_"), end), polls);
                        });
                        note(format!("boxes_alone, {case}"), &mut || {
                            drive(boxes_alone(N("a"), N("b"), N("_"), end), polls);
                        });
                        note(format!("in_trait, {case}"), &mut || {
                            drive(owner().in_trait(N("a"), N("_"), (N("x"), N("_x")), end), polls);
                        });
                    }
                }
                all
            }
        }
    };
}

use pytheus::{counter, gauge, histogram, summary};

shapes! { plain }
shapes! { counts #[counter(name = "counts_total", help = "C.")] }
shapes! { times #[histogram(name = "times_seconds", help = "T.", labels(n = 1 + 1))] }
shapes! { with_outcome #[counter(name = "outcome_total", help = "O.", labels(outcome))] }
shapes! { with_ret #[histogram(name = "ret_seconds", help = "R.", labels(ret = ret.is_ok()))] }
shapes! { on_errors #[counter(name = "drop_errors_total", help = "E.", on = error | panicked)] }
shapes! { tracks #[gauge(name = "drop_busy", help = "B.", track_inprogress)] }
shapes! {
    stacked
    #[counter(name = "stacked_total", help = "S.", labels(outcome))]
    #[gauge(name = "stacked_busy", help = "S.", track_inprogress)]
    #[summary(name = "stacked_seconds", help = "S.", labels(outcome, ret = ret.is_ok()))]
    #[gauge(name = "stacked_last", help = "S.", set_to_current_time, on = ok)]
}

/// Both orders, where they differ.
fn differences(annotated: Vec<(String, String)>) -> Vec<String> {
    let plain = plain::all();
    assert_eq!(plain.len(), annotated.len());
    let pairs = plain.into_iter().zip(annotated);
    pairs
        .filter(|(plain, annotated)| plain != annotated)
        .map(|(plain, annotated)| format!("{plain:?} became {annotated:?}"))
        .collect()
}

#[test]
fn the_plain_function_drops_its_arguments_as_the_language_says() {
    let all = plain::all();
    let order = |name: &str| all.iter().find(|(known, _)| known == name).map(|(_, order)| order.as_str());
    assert_eq!(order("uses_in_another_order, Return"), Some("local2 local1 _ b a ."));
    assert_eq!(order("uses_none"), Some("_1 _2 b _ a ."));
    assert_eq!(order("awaits, Question, polled 2 times"), Some("local1 x _x _ b a ."));
}

#[test]
fn arguments_are_dropped_in_the_plain_order_when_calls_are_counted() {
    assert_eq!(differences(counts::all()), [""; 0]);
}

#[test]
fn arguments_are_dropped_in_the_plain_order_when_calls_are_timed() {
    assert_eq!(differences(times::all()), [""; 0]);
}

#[test]
fn arguments_are_dropped_in_the_plain_order_with_an_outcome() {
    assert_eq!(differences(with_outcome::all()), [""; 0]);
}

#[test]
fn arguments_are_dropped_in_the_plain_order_with_a_label_of_the_returned_value() {
    assert_eq!(differences(with_ret::all()), [""; 0]);
}

#[test]
fn arguments_are_dropped_in_the_plain_order_when_only_errors_count() {
    assert_eq!(differences(on_errors::all()), [""; 0]);
}

#[test]
fn arguments_are_dropped_in_the_plain_order_while_a_gauge_tracks_calls() {
    assert_eq!(differences(tracks::all()), [""; 0]);
}

#[test]
fn arguments_are_dropped_in_the_plain_order_under_several_attributes() {
    assert_eq!(differences(stacked::all()), [""; 0]);
}
