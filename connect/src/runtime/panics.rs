//! A panic of a plugin ends what it was doing, and nothing else.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

/// Runs `future`; a panic in it becomes an error with the panic's message.
///
/// What the future owned is dropped either way. It must not be relied on after a panic, which holds here: a plugin that has
/// panicked is not called again.
pub(crate) async fn caught<T>(future: impl Future<Output = T>) -> Result<T, String> {
    Caught(std::pin::pin!(future)).await
}

struct Caught<'a, F>(Pin<&'a mut F>);

impl<F: Future> Future for Caught<'_, F> {
    type Output = Result<F::Output, String>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match catch_unwind(AssertUnwindSafe(|| self.0.as_mut().poll(context))) {
            Ok(polled) => polled.map(Ok),
            Err(panic) => Poll::Ready(Err(message(&*panic))),
        }
    }
}

/// What a panic says.
fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("panic: {}", text.unwrap_or("of an unknown kind"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_becomes_an_error_with_its_message() {
        assert_eq!(caught(async { 7 }).await, Ok(7));
        let late = async {
            tokio::task::yield_now().await;
            panic!("at {}", 3)
        };
        assert_eq!(caught::<()>(late).await, Err("panic: at 3".to_owned()));
        assert_eq!(
            caught::<()>(async { panic!("plain") }).await,
            Err("panic: plain".to_owned())
        );
    }
}
