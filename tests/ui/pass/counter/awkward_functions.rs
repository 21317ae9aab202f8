//! Functions that are easy to get wrong: not `Send`, borrowing twice, inside others, of trait objects.
#![deny(warnings, clippy::pedantic, missing_docs)]
#![forbid(unsafe_code)]
use std::cell::RefCell;
use std::rc::Rc;

use pytheus::{LabelValue, counter, gauge, histogram};

#[derive(LabelValue, Clone, Copy)]
enum Size {
    Small,
    Large,
}

/// The label borrows what the body borrows again.
#[counter(name = "cells_total", labels(length = cell.borrow().len(), outcome))]
fn cell(cell: &RefCell<String>) -> Result<usize, String> {
    cell.borrow_mut().push('x');
    Ok(cell.borrow().len())
}

/// A future that is not `Send`.
#[counter(name = "local_total", labels(n = *rc, outcome))]
async fn local(rc: Rc<u8>) -> Rc<u8> {
    std::future::ready(()).await;
    rc
}

/// A trait object that borrows from an argument.
#[histogram(name = "object_seconds", labels(outcome))]
fn object(act: &dyn Fn(u8) -> u8) -> Box<dyn Iterator<Item = u8> + '_> {
    Box::new((0..3).map(move |n| act(n)))
}

/// Labels of several types, and an expression with a block.
#[counter(
    name = "labels_total",
    labels(
        size: Size,
        maybe: Option<Size> = Some(size),
        text: &'static str = "x",
        kind = match n { 0 => "zero", _ => "more" },
    ),
    on = Some(_),
)]
fn labels(size: Size, n: u8) -> Option<u8> {
    match size {
        Size::Small => None,
        Size::Large => Some(n),
    }
}

struct Sized<const N: usize, T>(T);

impl<const N: usize, T: Clone + Send + Sync> Sized<N, T> {
    /// In a generic impl.
    #[gauge(name = "generic_in_progress", track_inprogress, labels(n = N))]
    #[counter(name = "generic_total", labels(n = N, outcome))]
    async fn get(&self) -> T {
        std::future::ready(()).await;
        self.0.clone()
    }

    /// A future that borrows from `self`.
    #[counter(name = "borrowing_total", labels(n = N, outcome))]
    fn later<'a>(&'a self) -> impl Future<Output = &'a T> + Send + 'a {
        async move { &self.0 }
    }
}

fn main() {
    /// Inside another function.
    #[counter(name = "inside_total")]
    fn inside() {}

    inside();
    assert_eq!(cell(&RefCell::default()), Ok(1));
    drop(local(Rc::new(1)));
    assert_eq!(object(&|n| n + 1).sum::<u8>(), 6);
    assert_eq!((labels(Size::Small, 0), labels(Size::Large, 1)), (None, Some(1)));
    let sized = Sized::<3, String>(String::new());
    drop((sized.get(), sized.later()));
}
