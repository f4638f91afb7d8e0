//! An axum backend that verifies tokens itself: `datakit-token-example-axum 127.0.0.1:8080 keys/jwks.json`
//!
//! `datakit-token keygen --out keys` makes the keys, `datakit-token issue` a token for them.

use std::{
    cell::RefCell,
    env, fs,
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::SystemTime,
};

use anyhow::{Context, Result};
use axum::{
    Extension, Router,
    extract::{Request, State},
    http::StatusCode,
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use datakit_token::{
    AllowConfig, Decision, KeysConfig, Memory, ProviderConfig, Reason, RequirementConfig, RuleConfig, UnixTime, Valid,
    Verifier,
};
use serde::Deserialize;

/// The claims that this backend has a use for, besides those that the rules look at.
#[derive(Deserialize)]
struct Customer<'c> {
    sub: &'c str,
    plan: Option<&'c str>,
}

thread_local! {
    /// What this thread remembers of the tokens that it has verified.
    static MEMORY: RefCell<Option<Memory>> = const { RefCell::new(None) };
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [address, keys] = arguments.as_slice() else {
        anyhow::bail!("usage: datakit-token-example-axum ADDRESS JWKS");
    };
    let listener = TcpListener::bind(address.parse::<SocketAddr>().context("expected an address and a port")?)?;
    listener.set_nonblocking(true)?;
    let verifier = Arc::new(verifier(&fs::read(keys).with_context(|| keys.clone())?).context(keys.clone())?);
    println!("listening on {}", listener.local_addr()?);
    axum::serve(tokio::net::TcpListener::from_std(listener)?, app(verifier)).await?;
    Ok(())
}

/// Which tokens count, and which requests need what. First match wins; no match is a denial.
fn verifier(keys: &[u8]) -> Result<Verifier> {
    let provider = ProviderConfig::new("main", "https://id.example.com", KeysConfig::inline(keys)?);
    let verifier = Verifier::builder()
        .with_provider(provider.with_audience("https://api.example.com").with_claim_header("/sub", "x-user"))
        .with_role("writer", ["log.write"])
        .with_rule(RuleConfig::exact_path("/health").allow(AllowConfig::Unchecked))
        .with_rule(RuleConfig::exact_path("/me").allow(AllowConfig::Authenticated))
        .with_rule(
            RuleConfig::path_prefix("/logs").with_method("POST").require(RequirementConfig::permission("log.write")),
        )
        .build()?;
    for warning in verifier.warnings() {
        eprintln!("{warning}");
    }
    Ok(verifier)
}

fn app(verifier: Arc<Verifier>) -> Router {
    Router::new()
        .route("/health", get(|| async { "ok" }))
        .route("/me", get(me))
        .route("/logs/{source}", post(write_log))
        // Around the whole router: what no rule allows reaches no handler, one that is added later included.
        .layer(from_fn_with_state(verifier, check_token))
}

async fn me(Extension(token): Extension<Arc<Valid>>) -> Response {
    match token.claims().deserialize::<Customer<'_>>() {
        Ok(Customer { sub, plan }) => format!("{sub}, plan {}", plan.unwrap_or("free")).into_response(),
        Err(error) => (StatusCode::FORBIDDEN, error.to_string()).into_response(),
    }
}

/// The header is the verifier's: one that a client sends has been removed.
async fn write_log(request: Request) -> String {
    let user = request.headers().get("x-user").and_then(|user| user.to_str().ok());
    format!("written by {}", user.unwrap_or("nobody"))
}

/// Judges a request before any handler sees it.
async fn check_token(State(verifier): State<Arc<Verifier>>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let request = datakit_token::Request::from(&parts);
    let Ok(now) = UnixTime::try_from(SystemTime::now()) else {
        return denied(verifier.deny(Reason::NotConfigured).response());
    };
    let decision = MEMORY
        .with_borrow_mut(|memory| verifier.decide_with(memory.get_or_insert_with(|| verifier.memory()), &request, now));
    let (edits, token) = match &decision {
        Decision::Allow(grant) => (grant.edits(), grant.shared()),
        Decision::Observe(_, edits) => (edits, None),
        Decision::Deny(denial) => return denied(denial.response()),
    };
    // A token that cannot be taken out of the request must not go on with it.
    if edits.apply(&mut parts).is_err() {
        return denied(verifier.deny(Reason::InvalidRequest).response());
    }
    if let Some(token) = token {
        parts.extensions.insert(token);
    }
    next.run(Request::from_parts(parts, body)).await
}

/// Status, challenge (RFC 6750) and problem details (RFC 9457), as the configuration has them.
fn denied(response: &datakit_token::Response) -> Response {
    axum::http::Response::<String>::from(response).map(Into::into)
}
