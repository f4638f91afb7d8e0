//! Remote keys for JavaScript, which carries the bytes. Sources are numbered in the order of their providers; times
//! are `now` (seconds, wall clock) and `uptime` (milliseconds, monotonic clock).

use alloc::string::{String, ToString};

use datakit_token::{Answer, FetchTime, JsonObject, KeySource, SourceError};
use wasm_bindgen::prelude::*;

use crate::{Verifier, time, whole};

/// Nothing to do.
const IDLE: u8 = 0;
/// Fetch, and go on with the keys that are there.
const REFRESH: u8 = 1;
/// Fetch and wait: no keys, old ones, or a token whose key may have come.
const LOAD: u8 = 2;
/// A fetch is under way, and there is reason to wait for it.
const JOIN: u8 = 3;

#[wasm_bindgen]
impl Verifier {
    /// How many sources there are; most configurations have none.
    pub fn source_count(&self) -> usize {
        self.core.remote_sources().count()
    }

    /// What each source fetches, as JSON.
    pub fn sources(&self) -> String {
        let mut all = String::from("[");
        for source in self.core.remote_sources() {
            let Some(request) = source.request() else { continue };
            all.push_str(if all.len() > 1 { "," } else { "" });
            let source = JsonObject::new().text("provider", source.provider()).text("identity", &source.identity());
            let source = source.text("url", request.url()).text("accept", request.accept());
            let bytes = u64::try_from(request.max_bytes()).unwrap_or(u64::MAX);
            all.push_str(&source.number("timeout", request.timeout()).number("maxBytes", bytes).finish());
        }
        all.push(']');
        all
    }

    /// What to do about a source before a token is judged: 0 nothing, 1 fetch, 2 fetch and wait, 3 wait.
    pub fn plan(&self, index: usize, now: f64, uptime: f64) -> u8 {
        let (Some(source), Some(moment)) = (self.core.remote_sources().nth(index), moment(now, uptime, 0)) else {
            return IDLE;
        };
        let needed = source.is_wanted() || !source.is_fresh(moment);
        match (source.is_due(moment.uptime), needed) {
            (true, true) => LOAD,
            (true, false) => REFRESH,
            (false, _) if source.is_in_flight(moment.uptime) && needed => JOIN,
            (false, _) => IDLE,
        }
    }

    /// Whether a source has keys at all.
    pub fn is_loaded(&self, index: usize) -> bool {
        self.core.remote_sources().nth(index).is_some_and(KeySource::is_loaded)
    }

    /// A source's state, as JSON.
    pub fn state(&self, index: usize, now: f64, uptime: f64) -> String {
        let (Some(source), Some(moment)) = (self.core.remote_sources().nth(index), moment(now, uptime, 0)) else {
            return "null".into();
        };
        let (keys, rules) = source.counts();
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let state = JsonObject::new().text("provider", source.provider());
        let state = state.boolean("fresh", source.is_fresh(moment)).boolean("loaded", source.is_loaded());
        let state = state.number("failures", u64::from(source.failures())).number("keys", count(keys));
        state.number("rules", count(rules)).number("sequence", source.sequence()).finish()
    }

    /// A fetch begins.
    pub fn begin(&mut self, index: usize, uptime: f64) {
        if let Some(source) = self.core.remote_sources_mut().nth(index) {
            source.begin(milliseconds(uptime));
        }
    }

    /// A fetch has been answered; the outcome as JSON.
    #[expect(clippy::too_many_arguments, reason = "numbers and strings cross cheaper than an object")]
    pub fn finish(
        &mut self,
        index: usize,
        status: u16,
        content_type: Option<String>,
        cache_control: Option<String>,
        age: Option<String>,
        body: &[u8],
        now: f64,
        uptime: f64,
        jitter: u8,
    ) -> String {
        let answer = Answer::new(status, body).with_content_type(content_type.as_deref().map(str::as_bytes));
        let answer =
            answer.with_cache_control(cache_control.as_deref().map(str::as_bytes), age.as_deref().map(str::as_bytes));
        self.end(index, moment(now, uptime, jitter), |source, moment| source.finish(Ok(&answer), moment))
    }

    /// A fetch has not been answered, and why as far as JavaScript knows; the outcome as JSON.
    pub fn fail(&mut self, index: usize, why: &str, now: f64, uptime: f64, jitter: u8) -> String {
        self.end(index, moment(now, uptime, jitter), |source, moment| source.finish(Err(why), moment))
    }

    /// What to keep over a restart.
    pub fn snapshot(&self, index: usize) -> Option<String> {
        self.core.remote_sources().nth(index)?.snapshot().and_then(|snapshot| String::from_utf8(snapshot).ok())
    }

    /// Takes over what was kept; the outcome as JSON.
    pub fn restore(&mut self, index: usize, snapshot: &str, now: f64, uptime: f64, jitter: u8) -> String {
        self.end(index, moment(now, uptime, jitter), |source, moment| source.restore(snapshot.as_bytes(), moment))
    }

    fn end(
        &mut self,
        index: usize,
        moment: Option<FetchTime>,
        action: impl FnOnce(&mut KeySource, FetchTime) -> Result<bool, SourceError>,
    ) -> String {
        let (Some(source), Some(moment)) = (self.core.remote_sources_mut().nth(index), moment) else {
            return fault("unreachable", "no clock");
        };
        match action(source, moment) {
            Ok(changed) => JsonObject::new().boolean("changed", changed).finish(),
            Err(error) => fault(error.fault().code(), &error.to_string()),
        }
    }
}

fn fault(code: &str, text: &str) -> String {
    JsonObject::new().text("fault", code).text("text", text).finish()
}

fn moment(now: f64, uptime: f64, jitter: u8) -> Option<FetchTime> {
    Some(FetchTime::new(time(now)?, milliseconds(uptime), jitter))
}

/// Whole milliseconds; what is no time is the beginning.
fn milliseconds(uptime: f64) -> u64 {
    whole(uptime)
}
