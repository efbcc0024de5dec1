//! From a request to its answer.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use http::{HeaderValue, Request, header};
use hyper::body::Incoming;
use tokio::sync::watch;

use super::access::forbidden;
use super::body::Ending;
use super::connection::{Connection, Hangup};
use super::faults::{Action, After, Shutdown};
use super::reply::{self, Refusal, Reply};
use super::request::{Asked, Route, Target};
use super::request_log::LoggedRequest;
use super::server::{Core, Phase};
use super::{discovery, list, log, watch as watching};

/// The whole answer: log, faults, authentication, authorisation, work.
pub(super) async fn answer(
    core: Arc<Core>,
    connection: Arc<Connection>,
    phase: watch::Receiver<Phase>,
    request: Request<Incoming>,
) -> Result<Reply, Infallible> {
    let asked = Asked::new(request.method(), request.uri(), request.headers());
    let logged = logged(&core, &asked, &connection);
    let number = core.requests.push(logged.clone());
    let plan = match happen(&core, &asked, &logged, &connection).await {
        Fate::Serve(plan) => plan,
        Fate::Answer(reply) => {
            core.requests.answered(number, reply.status().as_u16());
            return Ok(dressed(reply, number));
        }
    };
    let served = serve(&core, &asked, phase);
    let mut reply = served.unwrap_or_else(|refusal| refusal.reply());
    core.requests.answered(number, reply.status().as_u16());
    if let Some((ending, after)) = plan {
        reply.body_mut().end(ending, after, &connection);
    }
    if reply.body().is_stream() {
        core.faults.register(&logged, reply.body_mut(), &connection);
    }
    Ok(dressed(reply, number))
}

fn logged(core: &Core, asked: &Asked, connection: &Connection) -> LoggedRequest {
    let target = asked.target();
    let of = |field: fn(&Target) -> Option<String>| target.and_then(field).unwrap_or_default();
    LoggedRequest {
        method: asked.method.to_string(),
        path: asked.path.clone(),
        query: asked.query.raw.clone(),
        verb: asked.verb(),
        resource: of(|target| Some(target.full_name())),
        namespace: of(|target| target.namespace.clone()),
        name: of(|target| target.name.clone()),
        container: asked.query.get("container").unwrap_or_default().to_owned(),
        status: 0,
        user_agent: asked
            .header(header::USER_AGENT)
            .unwrap_or_default()
            .to_owned(),
        connection: connection.number,
        at: core.store.clock().now(),
    }
}

/// Fate of a request after the faults.
enum Fate {
    /// Serve it; the body may end early.
    Serve(Option<(Ending, After)>),
    /// Send this answer.
    Answer(Reply),
}

async fn happen(
    core: &Arc<Core>,
    asked: &Asked,
    logged: &LoggedRequest,
    connection: &Arc<Connection>,
) -> Fate {
    for action in core.faults.strike(logged) {
        let (ending, after) = match action {
            Action::Delay { millis } => {
                core.store
                    .clock()
                    .sleep(Duration::from_millis(millis))
                    .await;
                continue;
            }
            Action::Compact => {
                core.store.compact();
                continue;
            }
            Action::Reset { after } => (Ending::Hangup(Hangup::Reset), after),
            Action::Cut { after } => (Ending::Hangup(Hangup::Cut), after),
            Action::End { after } => (Ending::Clean, Some(after)),
            Action::Stall { after } => (Ending::Stall, after),
            action => return Fate::Answer(refused(core, asked, action).await),
        };
        let Some(after) = after else {
            if let Ending::Hangup(how) = ending {
                connection.hang_up(how);
            }
            return std::future::pending().await;
        };
        return Fate::Serve(Some((ending, after)));
    }
    Fate::Serve(None)
}

async fn refused(core: &Arc<Core>, asked: &Asked, action: Action) -> Reply {
    match action {
        Action::Status {
            code,
            retry_after,
            message,
        } => {
            let message = message.unwrap_or_else(|| usual_message(code).to_owned());
            Refusal::new(code, message).retry_after(retry_after).reply()
        }
        Action::Throttle { retry_after } => {
            let mut reply = reply::text(429, "Too many requests, please try again later.\n");
            reply
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(retry_after));
            reply
        }
        Action::ExpireToken => {
            if let Some(token) = bearer(asked) {
                core.faults.expire_token(token);
            }
            Refusal::unauthorized().reply()
        }
        Action::Restart {
            shutdown,
            down_millis,
        } => {
            tokio::spawn(restart(Arc::clone(core), shutdown, down_millis));
            std::future::pending().await
        }
        // Only `Forbid` is left: the rest was handled before.
        _ => forbid(core, asked),
    }
}

fn forbid(core: &Core, asked: &Asked) -> Reply {
    let user = user(core, asked).unwrap_or_default();
    match &asked.route {
        Route::Resource(target) => forbidden(&user, target).reply(),
        Route::Path => {
            let message = format!(
                "forbidden: User \"{user}\" cannot get path \"{}\"",
                asked.path
            );
            Refusal::forbidden(message, serde_json::json!({})).reply()
        }
    }
}

/// Boxed, since it starts what calls it.
fn restart(core: Arc<Core>, shutdown: Shutdown, down_millis: u64) -> BoxFuture<'static, ()> {
    Box::pin(async move {
        match shutdown {
            Shutdown::Kill => core.stop().await,
            Shutdown::Term => core.terminate().await,
        }
        core.store
            .clock()
            .sleep(Duration::from_millis(down_millis))
            .await;
        if let Err(error) = core.restart().await {
            ::log::error!("the API server does not come back: {error}");
        }
    })
}

fn usual_message(code: u16) -> &'static str {
    match code {
        401 => "Unauthorized",
        404 => "the server could not find the requested resource",
        410 => "The resourceVersion for the provided watch is too old.",
        429 => "Too many requests, please try again later.",
        500 => "Internal error occurred: etcdserver: leader changed",
        503 => "the server is currently unable to handle the request",
        504 => "Timeout: request did not complete within the allotted timeout",
        _ => "the server refuses the request",
    }
}

fn bearer(asked: &Asked) -> Option<&str> {
    asked.header(header::AUTHORIZATION)?.strip_prefix("Bearer ")
}

fn user(core: &Core, asked: &Asked) -> Result<String, Refusal> {
    let header = asked.header(header::AUTHORIZATION);
    core.access
        .user(header, |token| core.faults.is_expired(token))
}

fn serve(core: &Arc<Core>, asked: &Asked, phase: watch::Receiver<Phase>) -> Result<Reply, Refusal> {
    let user = user(core, asked)?;
    core.access.check(&user, asked, &core.faults.rules())?;
    let Route::Resource(target) = &asked.route else {
        return discovery::answer(core, asked).ok_or_else(Refusal::not_served)?;
    };
    if target.verb == "log" {
        return log::answer(core, asked, target);
    }
    if !core
        .store
        .resources()
        .iter()
        .any(|known| known.group == target.group)
    {
        // No such group at all: the request reaches no API (recording 14, `unknown group`).
        return Ok(reply::text(404, "404 page not found\n"));
    }
    match target.verb {
        "watch" => watching::answer(core, asked, target, phase),
        "list" => list::answer(core, asked, target),
        "get" => list::one(core, asked, target),
        _ => Err(Refusal::method()),
    }
}

/// Headers that every answer has.
fn dressed(mut reply: Reply, number: usize) -> Reply {
    let headers = reply.headers_mut();
    let id = format!("00000000-0000-4000-8000-{number:012x}");
    if let Ok(id) = HeaderValue::try_from(id) {
        headers.insert("audit-id", id);
    }
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("no-cache, private"),
    );
    reply
}
