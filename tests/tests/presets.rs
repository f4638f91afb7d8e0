//! The presets through real Envoy, route by route, and what their roles grant.
//!
//! The routes are data, from what DataKit, Dataway and the OpenAPI document of themselves and not from the presets: a
//! route that a preset forgets fails here, and so does a rule that no route is for.

use std::{collections::BTreeSet, fs, path::Path};

use datakit_token::{Verifier, presets};
use datakit_token_tests::{
    checkout,
    client::{Answer, Connection},
    envoy::{Envoy, filter},
    mint, upstream,
};
use serde_json::{Value, json};

const NOW: u64 = 1_790_000_000;

/// A preset, a method, a path, and a permission, `open` or `denied`.
type Route = (&'static str, &'static str, &'static str, &'static str);

const DATAWAY: &[Route] = &[
    ("dataway", "OPTIONS", "/v1/write/rum", "open"),
    ("dataway", "OPTIONS", "/v1/", "open"),
    ("dataway", "GET", "/v1/ping", "open"),
    ("dataway", "GET", "/v1/ntp", "open"),
    ("dataway", "POST", "/v1/write/metric", "ingest.metric"),
    ("dataway", "POST", "/v1/write/metrics", "ingest.metric"),
    ("dataway", "POST", "/v1/write/network", "ingest.network"),
    ("dataway", "POST", "/v1/write/keyevent", "ingest.keyevent"),
    ("dataway", "POST", "/v1/write/object", "ingest.object"),
    ("dataway", "POST", "/v1/write/object_change", "ingest.object_change"),
    ("dataway", "POST", "/v1/write/custom_object", "ingest.custom_object"),
    ("dataway", "POST", "/v1/write/logging", "ingest.logging"),
    ("dataway", "POST", "/v1/write/logstreaming", "ingest.logging"),
    ("dataway", "POST", "/v1/write/tracing", "ingest.tracing"),
    ("dataway", "POST", "/v1/write/rum", "ingest.rum"),
    ("dataway", "POST", "/v1/write/rum/replay", "ingest.rum"),
    ("dataway", "POST", "/v1/write/security", "ingest.security"),
    ("dataway", "POST", "/v1/write/profiling", "ingest.profiling"),
    ("dataway", "POST", "/v1/write/heartbeat", "ingest.heartbeat"),
    ("dataway", "POST", "/v1/write/remote_job", "ingest.remote_job"),
    ("dataway", "POST", "/v1/upload/profiling", "ingest.profiling"),
    ("dataway", "POST", "/v1/write/otel-llm", "ingest.tracing"),
    ("dataway", "POST", "/v1/write/otel-metrics", "ingest.metric"),
    ("dataway", "POST", "/v1/write/otel-logs", "ingest.logging"),
    ("dataway", "POST", "/v1/log", "ingest.logging"),
    ("dataway", "GET", "/v1/datakit/pull", "control.pull"),
    ("dataway", "POST", "/v1/election", "control.election"),
    ("dataway", "POST", "/v1/election/heartbeat", "control.election"),
    ("dataway", "GET", "/v1/env_variable", "control.env"),
    ("dataway", "GET", "/v2/list/dataway", "control.list"),
    ("dataway", "POST", "/v1/datakit/usage_trace", "control.usage"),
    ("dataway", "POST", "/v1/workspace", "control.workspace"),
    ("dataway", "POST", "/v1/query/raw", "query.raw"),
    ("dataway", "POST", "/v1/object/labels", "object.labels"),
    ("dataway", "DELETE", "/v1/object/labels", "object.labels"),
    // The token would be in the path.
    ("dataway", "GET", "/v1/check/token/x", "denied"),
    ("dataway", "POST", "/v1/write", "denied"),
    ("dataway", "POST", "/v1/write/", "denied"),
    ("dataway", "POST", "/v1/write/unknown", "denied"),
    ("dataway", "POST", "/v1/write/logging/x", "denied"),
    ("dataway", "POST", "/v1/write/Logging", "denied"),
    ("dataway", "GET", "/v1/write/logging", "denied"),
    ("dataway", "PUT", "/v1/object/labels", "denied"),
    ("dataway", "POST", "/v1/ping", "denied"),
    ("dataway", "GET", "/v1/ping/x", "denied"),
    ("dataway", "OPTIONS", "/v2/list/dataway", "denied"),
    ("dataway", "OPTIONS", "/v1", "denied"),
    ("dataway", "GET", "/restart", "denied"),
    ("dataway", "PUT", "/v1/sourcemap", "denied"),
    ("dataway", "GET", "/metrics", "denied"),
    ("dataway", "GET", "/", "denied"),
];

const DATAKIT: &[Route] = &[
    ("datakit", "OPTIONS", "/v1/write/rum", "open"),
    ("datakit", "GET", "/v1/ping", "open"),
    ("datakit", "GET", "/v1/ntp", "open"),
    ("datakit", "POST", "/v1/write/metric", "ingest.metric"),
    ("datakit", "POST", "/v1/write/network", "ingest.network"),
    ("datakit", "POST", "/v1/write/keyevent", "ingest.keyevent"),
    ("datakit", "POST", "/v1/write/object", "ingest.object"),
    ("datakit", "POST", "/v1/write/object_change", "ingest.object_change"),
    ("datakit", "POST", "/v1/write/custom_object", "ingest.custom_object"),
    ("datakit", "POST", "/v1/write/logging", "ingest.logging"),
    ("datakit", "POST", "/v1/write/logstreaming", "ingest.logging"),
    ("datakit", "POST", "/v1/write/tracing", "ingest.tracing"),
    ("datakit", "POST", "/v1/write/rum", "ingest.rum"),
    ("datakit", "POST", "/v1/write/rum/replay", "ingest.rum"),
    ("datakit", "POST", "/v1/write/security", "ingest.security"),
    ("datakit", "POST", "/v1/write/profiling", "ingest.profiling"),
    ("datakit", "POST", "/otel/v1/trace", "ingest.tracing"),
    ("datakit", "POST", "/otel/v1/traces", "ingest.tracing"),
    ("datakit", "POST", "/otel/v1/metric", "ingest.metric"),
    ("datakit", "POST", "/otel/v1/metrics", "ingest.metric"),
    ("datakit", "POST", "/otel/v1/logs", "ingest.logging"),
    ("datakit", "POST", "/v0.3/traces", "ingest.tracing"),
    ("datakit", "PUT", "/v0.3/traces", "ingest.tracing"),
    ("datakit", "POST", "/v0.4/traces", "ingest.tracing"),
    ("datakit", "PUT", "/v0.4/traces", "ingest.tracing"),
    ("datakit", "POST", "/v0.5/traces", "ingest.tracing"),
    ("datakit", "PUT", "/v0.5/traces", "ingest.tracing"),
    ("datakit", "GET", "/v0.6/stats", "ingest.tracing"),
    ("datakit", "POST", "/v0.6/stats", "ingest.tracing"),
    ("datakit", "PUT", "/v0.6/stats", "ingest.tracing"),
    ("datakit", "GET", "/info", "ingest.tracing"),
    ("datakit", "POST", "/info", "ingest.tracing"),
    ("datakit", "POST", "/telemetry/proxy/api/v2/apmtelemetry", "ingest.tracing"),
    ("datakit", "POST", "/api/v1/spans", "ingest.tracing"),
    ("datakit", "POST", "/api/v2/spans", "ingest.tracing"),
    ("datakit", "POST", "/profiling/v1/input", "ingest.profiling"),
    ("datakit", "GET", "/otel/v1/traces", "denied"),
    ("datakit", "POST", "/otel/v1/other", "denied"),
    ("datakit", "GET", "/v0.4/traces", "denied"),
    ("datakit", "POST", "/v0.7/config", "denied"),
    ("datakit", "POST", "/v1/write/otel-llm", "denied"),
    ("datakit", "GET", "/v1/env_variable", "control.env"),
    ("datakit", "POST", "/v1/query/raw", "query.raw"),
    ("datakit", "POST", "/v1/object/labels", "object.labels"),
    ("datakit", "DELETE", "/v1/object/labels", "object.labels"),
    ("datakit", "GET", "/restart", "datakit.admin"),
    ("datakit", "PUT", "/v1/sourcemap", "datakit.admin"),
    ("datakit", "DELETE", "/v1/sourcemap", "datakit.admin"),
    ("datakit", "POST", "/v1/lasterror", "datakit.admin"),
    ("datakit", "POST", "/v1/pipeline/debug", "datakit.admin"),
    // For the machine itself.
    ("datakit", "GET", "/metrics", "denied"),
    ("datakit", "GET", "/stats", "denied"),
    ("datakit", "GET", "/monitor", "denied"),
    ("datakit", "POST", "/v1/global/host/tags", "denied"),
    ("datakit", "GET", "/v1/workspace", "denied"),
    ("datakit", "POST", "/v1/dialtesting/debug", "denied"),
    ("datakit", "GET", "/debug/pprof/", "denied"),
    ("datakit", "POST", "/restart", "denied"),
    ("datakit", "GET", "/restart/", "denied"),
    ("datakit", "GET", "/v1/sourcemap", "denied"),
    // Dataway has these.
    ("datakit", "POST", "/v1/election", "denied"),
    ("datakit", "GET", "/v1/datakit/pull", "denied"),
    ("datakit", "GET", "/v1/check/token/x", "denied"),
];

const OPENAPI: &[Route] = &[
    ("openapi", "GET", "/api/v1/dashboards/list", "routine.defaultAccess"),
    ("openapi", "GET", "/api/v1/dashboards/dsbd_1/get", "routine.defaultAccess"),
    ("openapi", "POST", "/api/v1/dashboards/create", "scene.setManage"),
    ("openapi", "POST", "/api/v1/dashboards/dsbd_1/delete", "scene.setManage"),
    ("openapi", "POST", "/api/v1/dashboards/dsbd_1/modify", "scene.setManage"),
    ("openapi", "GET", "/api/v1/dashboards/dsbd_1/export", "scene.setManage"),
    ("openapi", "POST", "/api/v1/dashboards/dsbd_1/import", "scene.setManage"),
    ("openapi", "GET", "/api/v1/notes/list", "routine.defaultAccess"),
    ("openapi", "GET", "/api/v1/notes/notes_1/get", "routine.defaultAccess"),
    ("openapi", "GET", "/api/v1/notes/notes_1/export", "scene.setManage"),
    ("openapi", "POST", "/api/v1/notes/create", "scene.setManage"),
    ("openapi", "GET", "/api/v1/viewer/list", "routine.defaultAccess"),
    ("openapi", "GET", "/api/v1/viewer/view_1/get", "routine.defaultAccess"),
    // A GET that changes something.
    ("openapi", "GET", "/api/v1/viewer/view_1/delete", "scene.setManage"),
    ("openapi", "POST", "/api/v1/viewer/create", "scene.setManage"),
    ("openapi", "GET", "/api/v1/checker/list", "routine.defaultAccess"),
    ("openapi", "GET", "/api/v1/checker/rul_1/get", "routine.defaultAccess"),
    ("openapi", "GET", "/api/v1/checker/export", "monitor.cfgManage"),
    ("openapi", "POST", "/api/v1/checker/add", "monitor.cfgManage"),
    ("openapi", "POST", "/api/v1/checker/delete", "monitor.cfgManage"),
    ("openapi", "POST", "/api/v1/checker/set_disable", "monitor.cfgManage"),
    ("openapi", "POST", "/api/v1/checker/rul_1/modify", "monitor.cfgManage"),
    ("openapi", "GET", "/api/v1/monitor/mute/list", "routine.defaultAccess"),
    ("openapi", "GET", "/api/v1/monitor/mute/mute_1/get", "routine.defaultAccess"),
    ("openapi", "GET", "/api/v1/monitor/mute/mute_1/delete", "monitor.muteCfgManage"),
    ("openapi", "POST", "/api/v1/monitor/mute/create", "monitor.muteCfgManage"),
    ("openapi", "POST", "/api/v1/monitor/mute/mute_1/disable", "monitor.muteCfgManage"),
    ("openapi", "GET", "/api/v1/slo/list", "routine.defaultAccess"),
    ("openapi", "GET", "/api/v1/slo/monitor_1/get", "routine.defaultAccess"),
    ("openapi", "GET", "/api/v1/slo/monitor_1/delete", "monitor.sloCfgManage"),
    ("openapi", "POST", "/api/v1/slo/batch_delete", "monitor.sloCfgManage"),
    ("openapi", "POST", "/api/v1/slo/monitor_1/modify", "monitor.sloCfgManage"),
    ("openapi", "GET", "/api/v1/alert_policy/list", "routine.defaultAccess"),
    ("openapi", "GET", "/api/v1/alert_policy/altpl_1/get", "routine.defaultAccess"),
    ("openapi", "GET", "/api/v1/alert_policy/delete", "monitor.alarmPolicyMange"),
    ("openapi", "POST", "/api/v1/alert_policy/add_v2", "monitor.alarmPolicyMange"),
    ("openapi", "POST", "/api/v1/alert_policy/altpl_1/modify_v2", "monitor.alarmPolicyMange"),
    ("openapi", "GET", "/api/v1/notify_object/list", "routine.defaultAccess"),
    ("openapi", "GET", "/api/v1/notify_object/get", "routine.defaultAccess"),
    ("openapi", "GET", "/api/v1/notify_object/notify_1/delete", "monitor.notifyObjCfgManage"),
    ("openapi", "POST", "/api/v1/notify_object/create", "monitor.notifyObjCfgManage"),
    ("openapi", "POST", "/api/v1/notify_object/modify", "monitor.notifyObjCfgManage"),
    ("openapi", "GET", "/api/v1/workspace/members/list", "workspace.readMember"),
    ("openapi", "GET", "/api/v1/workspace/member/export", "workspace.memberManage"),
    ("openapi", "POST", "/api/v1/workspace/member/batch_add", "workspace.memberManage"),
    ("openapi", "POST", "/api/v1/workspace/member/batch_delete", "workspace.memberManage"),
    ("openapi", "GET", "/api/v1/workspace/member_group/list", "workspace.readMember"),
    ("openapi", "GET", "/api/v1/workspace/member_group/group_1/get", "workspace.readMember"),
    ("openapi", "GET", "/api/v1/workspace/member_group/group_1/delete", "workspace.memberManage"),
    ("openapi", "POST", "/api/v1/workspace/member_group/group_1/modify", "workspace.memberManage"),
    ("openapi", "GET", "/api/v1/role/list", "workspace.readMember"),
    ("openapi", "GET", "/api/v1/role/role_1/get", "workspace.readMember"),
    ("openapi", "GET", "/api/v1/role/role_1/delete", "workspace.memberManage"),
    ("openapi", "POST", "/api/v1/role/add", "workspace.memberManage"),
    ("openapi", "POST", "/api/v1/role/role_1/modify", "workspace.memberManage"),
    ("openapi", "GET", "/api/v1/permission/list", "routine.defaultAccess"),
    ("openapi", "GET", "/api/v1/pipeline/list", "routine.defaultAccess"),
    ("openapi", "GET", "/api/v1/pipeline/pl_1/get", "routine.defaultAccess"),
    ("openapi", "GET", "/api/v1/pipeline/delete", "pipeline.pipelineManage"),
    ("openapi", "POST", "/api/v1/pipeline/add", "pipeline.pipelineManage"),
    ("openapi", "POST", "/api/v1/pipeline/batch_set_disable", "pipeline.pipelineManage"),
    ("openapi", "GET", "/api/v1/blacklist/list", "routine.defaultAccess"),
    ("openapi", "GET", "/api/v1/blacklist/blist_1/get", "routine.defaultAccess"),
    ("openapi", "GET", "/api/v1/blacklist/delete", "blacklist.Manage"),
    ("openapi", "POST", "/api/v1/blacklist/add", "blacklist.Manage"),
    ("openapi", "GET", "/api/v1/log_index_cfg/list", "routine.defaultAccess"),
    ("openapi", "GET", "/api/v1/log_index_cfg/lgim_1/get", "routine.defaultAccess"),
    ("openapi", "GET", "/api/v1/log_index_cfg/delete", "log.indexManage"),
    ("openapi", "POST", "/api/v1/log_index_cfg/bind", "log.externalIndexManage"),
    ("openapi", "POST", "/api/v1/log_index_cfg/add", "log.indexManage"),
    ("openapi", "POST", "/api/v1/log_index_cfg/lgim_1/set_disable", "log.indexManage"),
    ("openapi", "GET", "/api/v1/rum_cfg/quick_list", "rum.Query"),
    ("openapi", "GET", "/api/v1/rum_cfg/appid_1/get", "rum.Query"),
    ("openapi", "GET", "/api/v1/rum_cfg/delete", "rum.rumCfgManage"),
    ("openapi", "POST", "/api/v1/rum_cfg/add", "rum.rumCfgManage"),
    ("openapi", "GET", "/api/v1/rum_sourcemap/list", "rum.Query"),
    ("openapi", "GET", "/api/v1/rum_sourcemap/delete", "rum.rumCfgManage"),
    ("openapi", "POST", "/api/v1/rum_sourcemap/upload_part", "rum.rumCfgManage"),
    ("openapi", "GET", "/api/v1/dialing_task/list", "routine.defaultAccess"),
    ("openapi", "GET", "/api/v1/dialing_task/dialt_1/get", "routine.defaultAccess"),
    ("openapi", "GET", "/api/v1/dialing_task/delete", "dialTest.taskManage"),
    ("openapi", "POST", "/api/v1/dialing_task/add", "dialTest.taskManage"),
    ("openapi", "GET", "/api/v1/dialing_region/list", "routine.defaultAccess"),
    ("openapi", "GET", "/api/v1/dialing_region/reg_1/get", "routine.defaultAccess"),
    // How to deploy the node.
    ("openapi", "GET", "/api/v1/dialing_region/reg_1/info", "dialTest.customNodeManage"),
    ("openapi", "POST", "/api/v1/dialing_region/regist", "dialTest.customNodeManage"),
    ("openapi", "POST", "/api/v1/events/abnormal/list", "event.Query"),
    ("openapi", "GET", "/api/v1/events/event_1/get", "event.Query"),
    ("openapi", "GET", "/api/v1/events/recover", "event.recover"),
    ("openapi", "POST", "/api/v1/events/create", "event.recover"),
    ("openapi", "POST", "/api/v1/issue/list", "anomaly.issueRead"),
    ("openapi", "GET", "/api/v1/issue/issue_1/get", "anomaly.issueRead"),
    ("openapi", "GET", "/api/v1/issue/export", "anomaly.issueManage"),
    ("openapi", "POST", "/api/v1/issue/add", "anomaly.issueManage"),
    ("openapi", "POST", "/api/v1/issue/issue_1/modify", "anomaly.issueManage"),
    ("openapi", "GET", "/api/v1/issue/reply/issue_1/list", "anomaly.issueReplyRead"),
    ("openapi", "GET", "/api/v1/issue/reply/delete", "anomaly.issueReplyManage"),
    ("openapi", "POST", "/api/v1/issue/reply/create", "anomaly.issueReplyManage"),
    ("openapi", "GET", "/api/v1/issue-level/list", "anomaly.issueRead"),
    ("openapi", "GET", "/api/v1/issue-level/config/get", "anomaly.issueLevelManage"),
    ("openapi", "POST", "/api/v1/issue-level/level_1/modify", "anomaly.issueLevelManage"),
    ("openapi", "GET", "/api/v1/channel/quick_list", "anomaly.issueRead"),
    ("openapi", "GET", "/api/v1/channel/delete", "anomaly.channelManage"),
    ("openapi", "POST", "/api/v1/channel/add", "anomaly.channelManage"),
    ("openapi", "POST", "/api/v1/channel/chan_1/subscribe", "anomaly.channelManage"),
    // Nobody's by a role.
    ("openapi", "GET", "/api/v1/workspace/accesskey/list", "denied"),
    ("openapi", "POST", "/api/v1/workspace/accesskey/ak_1/delete", "denied"),
    ("openapi", "POST", "/api/v1/workspace/modify", "denied"),
    // The query is in the body, and so is what it is about.
    ("openapi", "POST", "/api/v1/df/query_data", "denied"),
    ("openapi", "GET", "/api/v1/unknown/list", "denied"),
    ("openapi", "GET", "/api/v1/unknown/x/get", "denied"),
    ("openapi", "POST", "/api/v1/dashboards", "denied"),
    ("openapi", "DELETE", "/api/v1/dashboards/dsbd_1/delete", "denied"),
    ("openapi", "PUT", "/api/v1/dashboards/list", "denied"),
    ("openapi", "OPTIONS", "/api/v1/dashboards/list", "denied"),
    ("openapi", "GET", "/api/v2/dashboards/list", "denied"),
    ("openapi", "POST", "/api/v1/permission/list", "denied"),
    ("openapi", "GET", "/api/v1/Dashboards/list", "denied"),
];

/// Permissions of the console and who has them: administrator, standard, read-only. The owner has all.
const CONSOLE: &[(&str, &str)] = &[
    ("routine.defaultAccess", "ASR"),
    ("routine.viewerManage", "A"),
    ("routine.exportManage", "AS"),
    ("label.labelCfgManage", "A"),
    ("workspace.readMember", "AS"),
    ("workspace.inviteMembers", "AS"),
    ("workspace.memberManage", "A"),
    ("dataScanner.cfgManage", "A"),
    ("dataRightsManage.workspaceConfigManage", "A"),
    ("field.fieldCfgManage", "AS"),
    ("reExpr.reExprManage", "A"),
    ("share.shareManage", "AS"),
    ("snapshot.create", "ASR"),
    ("snapshot.delete", "AS"),
    ("billing.billingRead", "A"),
    ("scene.setManage", "AS"),
    ("scene.chartManage", "AS"),
    ("scene.serviceManage", "AS"),
    ("event.Query", "ASR"),
    ("event.recover", "AS"),
    ("infrastructure.Query", "ASR"),
    ("infrastructure.setManage", "A"),
    ("log.Query", "ASR"),
    ("log.indexManage", "A"),
    ("log.externalIndexManage", "A"),
    ("log.backupLogManage", "A"),
    ("dataProcessing.dataQueryRule", "A"),
    ("metric.Query", "ASR"),
    ("metric.metricManage", "AS"),
    ("pipeline.pipelineManage", "AS"),
    ("blacklist.Manage", "AS"),
    ("generateMetrics.cfgManage", "AS"),
    ("trace.Query", "ASR"),
    ("trace.refLogManage", "AS"),
    ("trace.serviceManage", "AS"),
    ("rum.Query", "ASR"),
    ("rum.trackCfgManage", "AS"),
    ("rum.rumCfgManage", "AS"),
    ("dialTest.taskManage", "AS"),
    ("dialTest.customNodeManage", "AS"),
    ("monitor.cfgManage", "AS"),
    ("monitor.obsCfgManage", "AS"),
    ("monitor.sloCfgManage", "AS"),
    ("monitor.muteCfgManage", "AS"),
    ("monitor.alarmPolicyMange", "AS"),
    ("monitor.notifyObjCfgManage", "A"),
    ("dca.dcaManage", "A"),
    ("anomaly.issueManage", "AS"),
    ("anomaly.channelManage", "AS"),
    ("anomaly.issueLevelManage", "A"),
    ("anomaly.issueReplyManage", "AS"),
    ("anomaly.issueRead", "AS"),
    ("anomaly.issueReplyRead", "AS"),
    ("security.Query", "ASR"),
    // Not to be had through a role: these areas have reserved permissions.
    ("workspace.tokenView", ""),
    ("billing.billingWrite", ""),
    ("ingest.logging", ""),
    ("datakit.admin", ""),
];

/// The fenced blocks of `docs/presets.md` in this language.
fn blocks(language: &str) -> Vec<String> {
    let path = checkout::root().join("docs/presets.md");
    let text = fs::read_to_string(path).unwrap();
    let blocks = text.split("```").skip(1).step_by(2).filter_map(|block| block.split_once('\n'));
    let found: Vec<_> = blocks.filter(|(name, _)| *name == language).map(|(_, code)| code.to_owned()).collect();
    assert!(!found.is_empty(), "docs/presets.md has no {language}");
    found
}

fn routes() -> impl Iterator<Item = &'static Route> {
    DATAWAY.iter().chain(DATAKIT).chain(OPENAPI)
}

fn config(preset: &str) -> Value {
    json!({ "version": 1, "presets": [preset], "providers": [{ "name": "main", "issuer": "https://id.example.com",
        "audiences": ["api"], "keys": { "inline": { "keys": [mint::jwk("k1")] } } }] })
}

fn token(permissions: &[&str]) -> String {
    let claims = json!({ "iss": "https://id.example.com", "aud": "api", "exp": NOW + 600, "permissions": permissions });
    mint::sign(&mint::key("k1"), br#"{"alg":"EdDSA","typ":"at+jwt","kid":"k1"}"#, claims.to_string().as_bytes())
}

/// A listener of the gateway, and how the clients of its preset carry tokens.
struct Gateway {
    preset: &'static str,
    connection: Connection,
}

impl Gateway {
    fn ask(&mut self, method: &str, path: &str, token: Option<&str>) -> Answer {
        let (path, headers) = match (self.preset, token) {
            (_, None) => (path.to_owned(), Vec::new()),
            ("openapi", Some(token)) => (path.to_owned(), vec![(b"DF-API-KEY".to_vec(), token.as_bytes().to_vec())]),
            (_, Some(token)) => (format!("{path}?a=1&token={token}&b"), Vec::new()),
        };
        self.connection.send(method.as_bytes(), path.as_bytes(), &headers).unwrap()
    }
}

/// The status and, where it is refused, why.
fn outcome(answer: &Answer) -> (u16, String) {
    (answer.status, answer.reason().unwrap_or_default())
}

#[test]
fn every_route_through_envoy_needs_its_permission_and_no_other() {
    let names = ["dataway", "datakit", "openapi"];
    let configs = names.map(|name| config(name).to_string());
    let envoy = Envoy::start(&configs, upstream::start().unwrap()).unwrap();
    envoy.set_time(NOW).unwrap();
    let known: BTreeSet<&str> =
        routes().map(|route| route.3).filter(|need| !["open", "denied"].contains(need)).collect();
    let everything = token(&known.iter().copied().collect::<Vec<_>>());
    let refused = |status: u16, reason: &str| (status, reason.to_owned());
    let passed = refused(200, "");
    let mut faults = Vec::new();
    for (index, preset) in names.into_iter().enumerate() {
        let mut gateway = Gateway { preset, connection: Connection::new(envoy.listener(index)) };
        for (_, method, path, need) in routes().filter(|route| route.0 == preset) {
            let mut check = |what: &str, method: &str, token: Option<&str>, expected: &(u16, String)| {
                let answer = gateway.ask(method, path, token);
                if outcome(&answer) != *expected {
                    faults.push(format!("{preset} {method} {path} {what}: {:?}", outcome(&answer)));
                }
                answer
            };
            match *need {
                "open" => {
                    check("without a token", method, None, &passed);
                    let answer = check("with a bad token", method, Some("x"), &passed);
                    assert!(!answer.body.contains("token"), "{path}: nobody has looked at the token");
                }
                "denied" => {
                    check("with every permission", method, Some(&everything), &refused(403, "no_rule"));
                    check("without a token", method, None, &refused(401, "missing_token"));
                }
                permission => {
                    let only = token(&[permission]);
                    let others: Vec<&str> = known.iter().copied().filter(|other| *other != permission).collect();
                    let answer = check("with the permission alone", method, Some(&only), &passed);
                    assert!(!answer.body.contains(&only), "{path}: the token goes to the upstream");
                    let denied = refused(403, "permission_denied");
                    check("with all others", method, Some(&token(&others)), &denied);
                    check("without a token", method, None, &refused(401, "missing_token"));
                    check("by another method", "PATCH", Some(&everything), &refused(403, "no_rule"));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    println!("presets: {} routes through Envoy", routes().count());
}

#[test]
fn other_carriers_of_the_presets_work() {
    let names = ["dataway", "datakit", "openapi"];
    let configs = names.map(|name| config(name).to_string());
    let envoy = Envoy::start(&configs, upstream::start().unwrap()).unwrap();
    envoy.set_time(NOW).unwrap();
    let token = token(&["ingest.logging", "routine.defaultAccess"]);
    let placeholder = format!("/v1/write/logging?token=tkn_{}&wt={token}", "0".repeat(32));
    for (index, path, name, value) in [
        (0, "/v1/write/logging", "authorization", format!("Bearer {token}")),
        (0, "/v1/write/logging", "x-token", token.clone()),
        (0, placeholder.as_str(), "x-other", "1".into()),
        (1, "/v1/write/logging", "authorization", format!("Bearer {token}")),
        (1, "/v1/write/logging", "x-token", token.clone()),
        (1, placeholder.as_str(), "x-other", "1".into()),
        (2, "/api/v1/dashboards/list", "authorization", format!("Bearer {token}")),
    ] {
        let header = (name.as_bytes().to_vec(), value.into_bytes());
        let method: &[u8] = if index == 2 { b"GET" } else { b"POST" };
        let mut connection = Connection::new(envoy.listener(index));
        let answer = connection.send(method, path.as_bytes(), &[header]).unwrap();
        assert_eq!(answer.status, 200, "{index} {path} {name}: {}", answer.body);
    }
}

#[test]
fn every_rule_has_a_route_for_each_of_its_methods() {
    for (name, text) in presets() {
        let preset: Value = serde_json::from_str(text).unwrap();
        let rules = preset["rules"].as_array().unwrap();
        let matches = |rule: &Value, method: &str, path: &str| {
            let methods = rule["match"]["methods"].as_array().unwrap();
            let (kind, pattern) = rule["match"]["path"].as_object().unwrap().iter().next().unwrap();
            let pattern = pattern.as_str().unwrap();
            let same = match kind.as_str() {
                "exact" => path == pattern,
                "prefix" => path.starts_with(pattern),
                _ => {
                    let (mut left, mut right) = (pattern.split('/'), path.split('/'));
                    let same = |(left, right): (&str, &str)| left == right || (left == "{id}" && !right.is_empty());
                    left.clone().count() == right.clone().count() && left.by_ref().zip(right.by_ref()).all(same)
                }
            };
            same && methods.iter().any(|other| other == method)
        };
        let first = |method: &str, path: &str| rules.iter().position(|rule| matches(rule, method, path));
        let taken: BTreeSet<(usize, &str)> = routes()
            .filter(|route| route.0 == name)
            .filter_map(|(_, method, path, _)| Some((first(method, path)?, *method)))
            .collect();
        for (index, rule) in rules.iter().enumerate() {
            for method in rule["match"]["methods"].as_array().unwrap() {
                assert!(taken.contains(&(index, method.as_str().unwrap())), "{name}: no route for {method} of {rule}");
            }
        }
    }
}

#[test]
fn roles_grant_what_they_grant_in_the_console() {
    let verifier = Verifier::from_json(config("openapi").to_string().as_bytes()).unwrap();
    for (permission, marks) in CONSOLE {
        for (role, mark) in [("wsAdmin", 'A'), ("general", 'S'), ("readOnly", 'R')] {
            assert_eq!(verifier.roles_grant([role], permission), marks.contains(mark), "{role}: {permission}");
        }
        assert!(verifier.roles_grant(["owner"], permission));
        assert!(!verifier.roles_grant(["role_0123456789abcdef0123456789abcdef"], permission));
    }
}

#[test]
fn the_package_has_the_presets() {
    let package = std::env::var("DATAKIT_TOKEN_PACKAGE").expect("run `cargo xtask test`");
    for (name, text) in presets() {
        let code = format!("process.stdout.write(JSON.stringify(require('datakit-token/presets/{name}.json')))");
        let output = std::process::Command::new("node").args(["--eval", &code]).current_dir(&package).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let (found, expected): (Value, Value) =
            (serde_json::from_slice(&output.stdout).unwrap(), serde_json::from_str(text).unwrap());
        assert_eq!(found, expected, "{name}");
        let file = Path::new(&package).join(format!("node_modules/datakit-token/dist/presets/{name}.json"));
        assert_eq!(fs::read_to_string(file).unwrap(), text);
    }
}

#[test]
fn every_document_in_the_text_compiles_without_a_warning() {
    let secret = |name: &str| ["WORKSPACE_TOKEN", "OPENAPI_KEY"].contains(&name).then(|| "x".repeat(36));
    for block in blocks("json") {
        let mut document: Value = serde_json::from_str(&block).unwrap_or_else(|error| panic!("{error}: {block}"));
        if let Some(key) = document.pointer_mut("/providers/0/keys/inline/keys/0") {
            assert_eq!(key["x"], "YOUR PUBLIC KEY", "{block}");
            *key = mint::jwk("k1");
        }
        if document.get("version").is_none() {
            // Members to be added to any other document.
            let mut whole = config("dataway");
            whole.as_object_mut().unwrap().extend(document.as_object().unwrap().clone());
            document = whole;
        }
        let verifier = Verifier::from_json_with(document.to_string().as_bytes(), &secret);
        let verifier = verifier.unwrap_or_else(|error| panic!("{error}: {block}"));
        assert!(verifier.warnings().is_empty(), "{block}: {}", verifier.warnings()[0]);
    }
    assert_eq!(blocks("json").len(), 5);
}

/// Without it a DataKit on the same machine takes every client for the machine itself.
#[test]
fn the_envoy_of_the_text_tells_datakit_who_the_client_is() {
    let manager = blocks("yaml").concat();
    let readme_key = r#""kid": "k1", "x": "YOUR PUBLIC KEY""#;
    let own_key = format!(r#""kid": "k1", "for_tests": true, "x": {}"#, mint::jwk("k1")["x"]);
    let manager = manager
        .replace("filename: datakit_token.wasm", &format!("filename: {}", filter().unwrap().display()))
        .replace(readme_key, &own_key)
        .replace(r#"["https://datakit.example.com"]"#, r#"["api"]"#);
    let manager: String = manager.lines().map(|line| format!("      {line}\n")).collect();
    let address = upstream::start().unwrap();
    let envoy = Envoy::launch(|_| {
        format!(
            "admin: {{ address: {{ socket_address: {{ address: 127.0.0.1, port_value: 0 }} }} }}
static_resources:
  listeners:
  - name: listener-0
    address: {{ socket_address: {{ address: 127.0.0.1, port_value: 0 }} }}
    filter_chains:
    - filters:
{manager}
  clusters:
  - name: datakit
    load_assignment:
      cluster_name: datakit
      endpoints:
      - lb_endpoints:
        - endpoint: {{ address: {{ socket_address: {{ address: 127.0.0.1, port_value: {} }} }} }}
",
            address.port()
        )
    })
    .unwrap();
    envoy.set_time(NOW).unwrap();
    let mut gateway = Gateway { preset: "datakit", connection: Connection::new(envoy.listener(0)) };
    let token = token(&["ingest.rum"]);
    let answer = gateway.ask("POST", "/v1/write/rum", Some(&token));
    let got: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!((answer.status, &got["path"]), (200, &json!("/v1/write/rum?a=1&b")));
    // Which address that is depends on the machine: for a client on loopback Envoy gives its own.
    let forwarded = got["headers"].as_array().unwrap().iter().filter(|header| header[0] == "x-forwarded-for");
    assert_eq!(forwarded.count(), 1, "{got}");
    assert_eq!(gateway.ask("GET", "/restart", Some(&token)).status, 403);
    assert_eq!(gateway.ask("GET", "/metrics", Some(&token)).status, 403);
    assert_eq!(gateway.ask("POST", "/v1/write/rum", None).status, 401);
}
