//! The installed npm package in a running Node, asked line by line.

use std::{
    env,
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use serde_json::Value;

use crate::envoy::Envoy;

/// Reads `{"create": NAME, "config": ...}` or `{"verifier": NAME, "token": ..., "now"?: ...}`, which may have `request`
/// instead of `token`, a line each, and answers each with a line: `"ok"`, a reason, or what else went wrong. An array
/// of questions gets an array of answers.
const SCRIPT: &str = "
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'
const { createVerifier } = createRequire(process.cwd() + '/')('datakit-token')
const verifiers = new Map()
async function answer(question) {
  // Many questions at once are judged at once.
  if (Array.isArray(question)) return Promise.all(question.map(answer))
  const { create, config, verifier, token, request, now } = question
  if (create !== undefined) return verifiers.set(create, createVerifier(config)), 'ok'
  if (request !== undefined) {
    const decision = verifiers.get(verifier).decideSync(request, { now })
    return decision.verdict === 'allow' ? 'ok' : decision.reason
  }
  const result = await verifiers.get(verifier).safeVerify(token, now === undefined ? {} : { now })
  return result.ok ? 'ok' : result.error.code
}
for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await answer(JSON.parse(line)).catch((error) => String(error))))
}
";

/// A running Node; it ends when this is dropped.
#[derive(Debug)]
pub struct Node {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Node {
    /// Starts Node with the package installed by `cargo xtask test`.
    ///
    /// # Errors
    /// What is missing.
    pub fn start() -> Result<Self, String> {
        Self::launch(Command::new("node"))
    }

    /// The same with the clock of an Envoy under test ([`Envoy::set_time`]).
    ///
    /// # Errors
    /// What is missing.
    pub fn start_beside(envoy: &Envoy) -> Result<Self, String> {
        let mut command = Command::new("node");
        envoy.lend_clock(&mut command)?;
        Self::launch(command)
    }

    fn launch(mut command: Command) -> Result<Self, String> {
        let project = env::var("DATAKIT_TOKEN_PACKAGE").map_err(|_| "DATAKIT_TOKEN_PACKAGE: run `cargo xtask test`")?;
        let mut child = command
            .args(["--input-type=module", "--eval", SCRIPT])
            .current_dir(project)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("node: {error}"))?;
        let input = child.stdin.take().ok_or("no standard input")?;
        let output = BufReader::new(child.stdout.take().ok_or("no standard output")?);
        Ok(Self { child, input, output })
    }

    /// Puts one question and waits for its answer.
    ///
    /// # Errors
    /// If Node has ended.
    pub fn ask(&mut self, question: &Value) -> Result<String, String> {
        let answer = self.exchange(question)?;
        answer.as_str().map(String::from).ok_or_else(|| answer.to_string())
    }

    /// Puts many questions at once.
    ///
    /// # Errors
    /// If Node has ended.
    pub fn ask_all(&mut self, questions: &[Value]) -> Result<Vec<String>, String> {
        let answers = self.exchange(&Value::from(questions))?;
        serde_json::from_value(answers).map_err(|error| error.to_string())
    }

    fn exchange(&mut self, question: &Value) -> Result<Value, String> {
        writeln!(self.input, "{question}").map_err(|error| error.to_string())?;
        let mut line = String::new();
        self.output.read_line(&mut line).map_err(|error| error.to_string())?;
        serde_json::from_str(&line).map_err(|error| format!("{line}: {error}"))
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
