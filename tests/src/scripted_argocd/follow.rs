//! `argocd app wait --health --sync --operation`.

use std::{io, time::Duration};

use jiff::Timestamp;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::{
    request::get,
    summary::summary,
    table::{Degradation, Table, text},
};

/// Conditions to wait for.
#[derive(Clone, Debug)]
pub struct Wait {
    /// The API server: `http://host:port`.
    pub server: String,
    /// The Application's namespace.
    pub namespace: String,
    /// The Application's name.
    pub app: String,
    /// Seconds of `--timeout`, as they stand in the message; 0 is for ever.
    pub timeout: u64,
    /// Speed of time, as a multiple of real time.
    pub speed: f64,
    /// ARGOCD_SERVER, for the link in the summary.
    pub argocd_server: String,
}

/// Sink of the output.
pub trait Output {
    /// Writes to stdout.
    ///
    /// # Errors
    ///
    /// The reader is gone.
    fn stdout(&mut self, text: &str) -> io::Result<()>;

    /// Writes a line of level fatal to stderr.
    ///
    /// # Errors
    ///
    /// The reader is gone.
    fn fatal(&mut self, message: &str) -> io::Result<()>;
}

/// argocd's exit code for almost everything.
const GENERIC: u8 = 20;
/// Between two looks.
const INTERVAL: Duration = Duration::from_millis(100);

impl Wait {
    /// Waits, and answers with the exit code.
    ///
    /// # Errors
    ///
    /// Output that cannot be written.
    pub async fn run(&self, output: &mut dyn Output) -> io::Result<u8> {
        let mut application = match self.read().await {
            Ok(application) => application,
            Err(reason) => {
                output.fatal(&reason)?;
                return Ok(GENERIC);
            }
        };
        if is_done(&application) {
            output.stdout(&summary(&application, &self.argocd_server))?;
            return Ok(0);
        }
        let end = self.end();
        let mut table = Table::default();
        loop {
            let (rows, degradation) = table.update(&application, &now());
            output.stdout(&rows)?;
            if let Some(degradation) = degradation {
                return self.degraded(output, &application, &degradation);
            }
            if is_done(&application) {
                output.stdout(&summary(&application, &self.argocd_server))?;
                return Ok(0);
            }
            if end.is_some_and(|end| Instant::now() >= end) {
                return self.timed_out(output).await;
            }
            sleep(INTERVAL).await;
            // What fails on the way is tried again without a word.
            application = self.read().await.unwrap_or(application);
        }
    }

    fn end(&self) -> Option<Instant> {
        let seconds = Duration::from_secs(self.timeout);
        (self.timeout > 0).then(|| Instant::now() + seconds.div_f64(self.speed))
    }

    /// The Application, or what argocd says where there is none.
    async fn read(&self) -> Result<Value, String> {
        let Self {
            server,
            namespace,
            app,
            ..
        } = self;
        let path = format!("/apis/argoproj.io/v1alpha1/namespaces/{namespace}/applications/{app}");
        match get(server, &path).await {
            Ok((200, application)) => Ok(application),
            Ok((403 | 404, _)) => {
                Err("rpc error: code = PermissionDenied desc = permission denied".to_owned())
            }
            Ok((401, _)) => {
                Err("rpc error: code = Unauthenticated desc = no session information".to_owned())
            }
            Ok((status, _)) => Err(format!(
                "rpc error: code = Unknown desc = POST {server}/application.ApplicationService/Get \
                 failed with status code {status}"
            )),
            Err(error) => Err(format!(
                "rpc error: code = Unknown desc = Post \
                 \"{server}/application.ApplicationService/Get\": {error}"
            )),
        }
    }

    fn name(&self) -> String {
        format!("{}/{}", self.namespace, self.app)
    }

    fn degraded(
        &self,
        output: &mut dyn Output,
        application: &Value,
        degradation: &Degradation,
    ) -> io::Result<u8> {
        output.stdout(&summary(application, &self.argocd_server))?;
        output.fatal(&format!(
            "application '{}' health state has transitioned from {} to Degraded",
            self.name(),
            degradation.from
        ))?;
        Ok(GENERIC)
    }

    async fn timed_out(&self, output: &mut dyn Output) -> io::Result<u8> {
        output.stdout("\nThis is the state of the app after wait timed out:\n")?;
        let application = match self.read().await {
            Ok(application) => application,
            Err(reason) => {
                output.fatal(&reason)?;
                return Ok(GENERIC);
            }
        };
        output.stdout("\nThe command timed out waiting for the conditions to be met.\n")?;
        output.stdout(&summary(&application, &self.argocd_server))?;
        output.fatal(&format!(
            "timed out ({}s) waiting for app {:?} match desired state",
            self.timeout,
            self.name()
        ))?;
        Ok(GENERIC)
    }
}

/// The time as a row shows it.
fn now() -> String {
    Timestamp::now()
        .strftime("%Y-%m-%dT%H:%M:%S+00:00")
        .to_string()
}

/// Synced, healthy, and no operation that is not finished and looked at.
fn is_done(application: &Value) -> bool {
    let field = |pointer: &str| text(application, pointer);
    let time = |pointer: &str| field(pointer).parse::<Timestamp>().ok();
    let is_idle = application.get("operation").is_none_or(Value::is_null)
        && (application
            .pointer("/status/operationState")
            .is_none_or(Value::is_null)
            || time("/status/operationState/finishedAt").is_some_and(|finished| {
                time("/status/reconciledAt").is_none_or(|reconciled| reconciled >= finished)
            }));
    is_idle
        && field("/status/sync/status") == "Synced"
        && field("/status/health/status") == "Healthy"
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn done_is_synced_and_healthy_without_an_operation() {
        let base = json!({"status": {
            "sync": {"status": "Synced"}, "health": {"status": "Healthy"},
        }});
        assert!(is_done(&base));
        for (pointer, value) in [
            ("operation", json!({"sync": {}})),
            ("sync", json!({"status": "OutOfSync"})),
            ("health", json!({"status": "Progressing"})),
            ("operationState", json!({"phase": "Running"})),
        ] {
            let mut application = base.clone();
            if pointer == "operation" {
                application[pointer] = value;
            } else {
                application["status"][pointer] = value;
            }
            assert!(!is_done(&application), "{pointer}");
        }
    }

    #[test]
    fn an_operation_counts_until_the_controller_has_looked_again() {
        let finished = |reconciled: &str| {
            is_done(&json!({"status": {
                "sync": {"status": "Synced"}, "health": {"status": "Healthy"},
                "reconciledAt": reconciled,
                "operationState": {"phase": "Failed", "finishedAt": "2026-11-24T00:15:45Z"},
            }}))
        };
        assert!(!finished("2026-11-24T00:15:44Z"));
        assert!(finished("2026-11-24T00:15:45Z"));
    }
}
