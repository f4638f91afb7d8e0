//! One request: from the host's header map to Continue or a local reply.

use datakit_token::{Decision, Denial, Reason, Refusal, Request, Response, UnixTime, UpstreamEdits};

use crate::{
    connection, header_map,
    host::{Host, HostError, Level},
    plugin::Plugin,
};

/// Room for the headers of a request, before there has to be more.
const USUAL_HEADERS: usize = 16;

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// It goes on, with its edits made.
    Continue,
    /// It has been answered.
    Answered,
    /// It lacks keys that may come soon.
    Wait,
}

/// A request that may not go on.
pub(crate) struct Refused {
    denial: Denial,
    /// Its path without tokens, if there is one in it.
    shown_path: Option<Vec<u8>>,
    /// Its headers that only this filter may set.
    spoofed: Vec<String>,
    /// For the log, if that is as detailed.
    hint: Option<String>,
}

/// Decides about the current request. One that lacks keys which are on their way is not answered: it gets back the
/// denial for the case that it cannot wait.
pub(crate) fn decide(host: &impl Host, plugin: Option<&mut Plugin>) -> Result<Action, Box<Refused>> {
    // Fail closed: without configuration, headers or clock nothing is allowed.
    let Some(plugin) = plugin else {
        reply(host, &Reason::NotConfigured.into(), &Response::without_configuration(Reason::NotConfigured));
        return Ok(Action::Answered);
    };
    match judge(host, plugin) {
        Ok(None) => {
            plugin.counters.count_allowed(host);
            Ok(Action::Continue)
        }
        Ok(Some(observed)) => {
            plugin.counters.count_observed(host, observed);
            Ok(Action::Continue)
        }
        Err(Stop::Final(refused)) => {
            deny(host, plugin, &refused);
            Ok(Action::Answered)
        }
        Err(Stop::Lacking(refused)) => Err(refused),
    }
}

/// Answers the current request.
pub(crate) fn deny(host: &impl Host, plugin: &Plugin, Refused { denial, shown_path, spoofed, hint }: &Refused) {
    plugin.counters.count_denied(host, denial.reason());
    // For the access log. Where that fails, the request is denied all the same.
    if let Some(path) = shown_path {
        let _ = host.replace_request_header(b":path", path);
    }
    for name in spoofed {
        let _ = host.remove_request_header(name.as_bytes());
    }
    if host.logs_debug() {
        let claim = denial.refusal().claim().map_or_else(String::new, |claim| format!(", claim {claim}"));
        let hint = hint.as_ref().map_or_else(String::new, |hint| format!(": {hint}"));
        host.log(Level::Debug, &format!("datakit-token: denied, {}{claim}{hint}", denial.refusal().code()));
    }
    reply(host, denial.refusal(), denial.response());
}

/// Why a request does not go on.
enum Stop {
    Final(Box<Refused>),
    /// It lacks keys that are on their way.
    Lacking(Box<Refused>),
}

/// Makes the edits of a request that may go on; gives the reason if that is so only because nothing is denied.
fn judge(host: &impl Host, plugin: &mut Plugin) -> Result<Option<Reason>, Stop> {
    let Plugin { verifier, memory, fetcher, .. } = plugin;
    let verifier = &*verifier;
    let not_ready = || {
        Stop::Final(Box::new(Refused {
            denial: verifier.deny(Reason::NotConfigured),
            shown_path: None,
            spoofed: Vec::new(),
            hint: None,
        }))
    };
    let bytes = host.request_headers().map_err(|HostError| not_ready())?;
    let now = host.now().ok().and_then(|now| UnixTime::from_secs(now / 1_000_000_000)).ok_or_else(not_ready)?;

    // A CONNECT request has no path; the empty one matches no rule.
    let (mut method, mut path, mut authority, mut scheme) = (&b""[..], &b""[..], None, None);
    let mut headers = Vec::with_capacity(USUAL_HEADERS);
    header_map::read_each(&bytes, |name, value| match name {
        b":method" => method = value,
        b":path" => path = value,
        b":authority" => authority = Some(value),
        b":scheme" => scheme = Some(value),
        [b':', ..] => {}
        _ => headers.push((name, value)),
    })
    .ok_or_else(not_ready)?;
    let properties = verifier.connection_properties();
    let connection = connection::read(host, properties, &headers).map_err(|HostError| not_ready())?;
    let request = Request::new(method, path, headers)
        .with_host(authority)
        .with_scheme(scheme)
        .with_connection(connection.iter().map(|(property, value)| (*property, value.as_slice())).collect());
    let refused = |denial: Denial| {
        Box::new(Refused {
            shown_path: verifier.shown_path(&request),
            spoofed: verifier.spoofed_headers(&request),
            hint: if host.logs_debug() { verifier.hint_request(&request, denial.reason()) } else { None },
            denial,
        })
    };
    match verifier.decide_with(memory, &request, now) {
        // A token that cannot be taken out of the request must not go on with it.
        Decision::Allow(grant) => edit(host, &request, grant.edits()).map(|()| None).map_err(|HostError| not_ready()),
        Decision::Observe(denial, edits) => {
            edit(host, &request, &edits).map(|()| Some(denial.reason())).map_err(|HostError| not_ready())
        }
        // Nobody knows yet whether the key is unknown, and clients drop their data on a 401.
        Decision::Deny(denial) if fetcher.may_bring_keys(verifier, denial.reason()) => {
            let denial = verifier.deny_request(Reason::KeysUnavailable, &request);
            Err(Stop::Lacking(refused(denial)))
        }
        Decision::Deny(denial) => Err(Stop::Final(refused(denial))),
    }
}

fn edit(host: &impl Host, request: &Request<'_>, edits: &UpstreamEdits) -> Result<(), HostError> {
    if let Some(path) = edits.path() {
        host.replace_request_header(b":path", path)?;
    }
    for name in edits.remove() {
        host.remove_request_header(name.as_bytes())?;
    }
    for (index, (name, value)) in edits.set().enumerate() {
        let received = request.headers().iter().any(|(other, _)| other.eq_ignore_ascii_case(name.as_bytes()));
        // Envoy adds in half the time that it takes to replace; a header that is nowhere yet comes to the same.
        if received || edits.set().take(index).any(|(earlier, _)| earlier == name) {
            host.replace_request_header(name.as_bytes(), value)?;
        } else {
            host.add_request_header(name.as_bytes(), value)?;
        }
    }
    Ok(())
}

fn reply(host: &impl Host, refusal: &Refusal, response: &Response) {
    let headers: Vec<_> = response.headers().iter().map(|(name, value)| (*name, value.as_str())).collect();
    // Where the reason does not say by itself which claim it is about.
    let vague = matches!(refusal.reason(), Reason::ClaimMissing | Reason::ClaimInvalid | Reason::BindingMismatch);
    let details = match refusal.claim().filter(|_| vague) {
        // Details have no white space: a log line's columns are parted by it.
        Some(claim) if !claim.contains(char::is_whitespace) => format!("token_denied{{{}:{claim}}}", refusal.code()),
        _ => format!("token_denied{{{}}}", refusal.code()),
    };
    // If the reply fails, the request stays stopped: that is all a filter can do.
    let _ = host.reply(response.status(), &details, &header_map::write(&headers), response.body());
}

#[cfg(test)]
mod tests {
    use crate::{
        filter::Action,
        header_map,
        host::{HostError, mock::Mock},
    };

    #[test]
    fn a_bad_token_is_answered() {
        assert_eq!(Mock::new().decide(), "401 token_denied{malformed}");
    }

    #[test]
    fn without_headers_clock_or_configuration_nothing_is_allowed() {
        let mut host = Mock::new();
        host.headers = Err(HostError);
        assert_eq!(host.decide(), "503 token_denied{not_configured}");
        let mut host = Mock::new();
        host.headers = Ok(vec![9, 9]);
        assert_eq!(host.decide(), "503 token_denied{not_configured}");
        for now in [Err(HostError), Ok(0)] {
            let mut host = Mock::new();
            host.now = now;
            assert_eq!(host.decide(), "503 token_denied{not_configured}");
        }
        let mut host = Mock::new();
        host.configuration = "\n\x05probe";
        assert_eq!(host.decide(), "503 token_denied{not_configured}");
        assert!(host.log.borrow().iter().any(|line| line.contains("StringValue")));
    }

    #[test]
    fn a_header_is_added_only_where_the_client_sends_none() {
        let mut host = Mock::new();
        host.configuration = r#"{"version":1,"providers":[{"name":"main","issuer":"i","audiences":["a"],"keys":{"inline":{"keys":[
            {"kty":"OKP","crv":"Ed25519","kid":"k1","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","for_tests":true}]}},
            "opaque_tokens":[{"token":{"value":"tkn_0123456789abcdef0123456789"},"expires_at":1790000600,"workspace":"w1"}],
            "claims_to_headers":[{"claim":"/workspace","header":"x-workspace"}]}],"rules":[{"match":{},"allow":"authenticated"}]}"#;
        let token = ("authorization", "Bearer tkn_0123456789abcdef0123456789");
        let edits = |host: &mut Mock, more: &[(&str, &str)]| {
            let head = [&[(":method", "GET"), (":path", "/"), token], more].concat();
            host.headers = Ok(header_map::write(&head));
            assert_eq!(host.act(), Action::Continue, "{:?}", host.log);
            host.edits.take()
        };
        assert_eq!(edits(&mut host, &[]), ["remove authorization ", "add x-workspace w1"]);
        for name in ["x-workspace", "X-Workspace"] {
            let expected = ["remove x-workspace ", "remove authorization ", "replace x-workspace w1"];
            assert_eq!(edits(&mut host, &[(name, "w2")]), expected);
        }
        let expected = ["remove x_workspace ", "remove authorization ", "add x-workspace w1"];
        assert_eq!(edits(&mut host, &[("x_workspace", "w2")]), expected);
    }

    #[test]
    fn a_request_without_path_is_refused() {
        let mut host = Mock::new();
        host.headers = Ok(header_map::write(&[(":method", "CONNECT"), (":authority", "host:443")]));
        assert_eq!(host.decide(), "400 token_denied{invalid_request}");
    }
}
