//! Waiting for a moment that may never come.

use tokio::time::Instant;

/// Waits until a deadline; forever if there is none, as a branch of `select!` needs it.
pub async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn without_a_deadline_the_wait_has_no_end() {
        let minute = Duration::from_secs(60);
        let deadline = Instant::now() + minute;
        assert!(
            timeout(minute * 2, sleep_until(Some(deadline)))
                .await
                .is_ok()
        );
        assert!(timeout(minute * 2, sleep_until(None)).await.is_err());
    }
}
