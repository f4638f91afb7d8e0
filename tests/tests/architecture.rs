//! The house: which room of the core may look into which, and that nowhere two files import each other, on however long
//! a way.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use datakit_token_tests::checkout::root;
use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};

/// The rooms of `crates/token/src`, from the roof to the ground, and what each may look into: nothing above it, and
/// nothing on its own floor.
const FLOORS: &[&[&str]] = &[
    &["verifier"],
    &["upstream", "policy", "response", "keys"],
    &["request", "token"],
    &["config"],
    // The ground: why a token is refused, what is wrong with a document, time, Ed25519, and the pointer to what is
    // shared.
    &["refusal"],
    &["reason", "error", "time", "signature", "shared"],
];

/// The same for the filter, by its files and folders.
const FLOORS_OF_ENVOY: &[&[&str]] = &[
    &["abi"],
    &["contexts"],
    &["filter"],
    &["plugin"],
    &["keys"],
    &["connection", "counters", "parking"],
    &["host"],
    &["header_map"],
];

/// And for the package, by those of `js/src`.
const FLOORS_OF_JAVASCRIPT: &[&[&str]] = &[
    &["entry"],
    &["inspector", "testing"],
    &["adapter", "api", "command"],
    &["verifier"],
    &["judge", "log", "revocation"],
    &["configuration", "decision"],
    &["issuer", "keys", "token", "unverified"],
    &["claims", "request", "verdict", "wasm"],
    &["error", "freeze", "member"],
];

/// And for the builder.
const FLOORS_OF_XTASK: &[&[&str]] = &[
    &["main"],
    &["bench", "deny", "fuzz", "matrix", "package", "without_sealed"],
    &["debian", "envoy", "node", "wasm_target", "yanked"],
    &["python"],
    &["workspace"],
    &["stamp", "step", "tally"],
];

/// What each file imports of its own crate, by module paths such as `request::path`.
type Imports = BTreeMap<String, BTreeSet<String>>;

/// The paths in one file that begin with `crate` or `super`, as they stand there.
#[derive(Default)]
struct Paths(Vec<Vec<String>>);

impl Paths {
    fn add_tree(&mut self, before: &[String], tree: &syn::UseTree) {
        let with = |name: &syn::Ident| [before, &[name.to_string()]].concat();
        match tree {
            syn::UseTree::Path(path) => self.add_tree(&with(&path.ident), &path.tree),
            syn::UseTree::Name(name) => self.0.push(with(&name.ident)),
            syn::UseTree::Rename(rename) => self.0.push(with(&rename.ident)),
            syn::UseTree::Glob(_) => self.0.push(before.to_vec()),
            syn::UseTree::Group(group) => group.items.iter().for_each(|tree| self.add_tree(before, tree)),
        }
    }

    /// Macros are tokens: `crate :: a :: b` in them counts as well.
    fn add_tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        for token in tokens {
            match token {
                TokenTree::Ident(name) if name == "crate" => {
                    self.0.push(std::mem::take(&mut path));
                    path = vec![name.to_string()];
                }
                TokenTree::Ident(name) if !path.is_empty() => path.push(name.to_string()),
                TokenTree::Punct(punct) if punct.as_char() == ':' => {}
                TokenTree::Group(group) => {
                    self.0.push(std::mem::take(&mut path));
                    self.add_tokens(group.stream());
                }
                _ => self.0.push(std::mem::take(&mut path)),
            }
        }
        self.0.push(path);
    }
}

impl<'a> Visit<'a> for Paths {
    fn visit_item_use(&mut self, item: &'a syn::ItemUse) {
        self.add_tree(&[], &item.tree);
    }

    fn visit_path(&mut self, path: &'a syn::Path) {
        self.0.push(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, item: &'a syn::Macro) {
        self.add_tokens(item.tokens.clone());
    }

    /// Tests may use what they like.
    fn visit_item_mod(&mut self, item: &'a syn::ItemMod) {
        if item.ident != "tests" {
            visit::visit_item_mod(self, item);
        }
    }
}

fn files(directory: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display())) {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if path.extension().is_some_and(|extension| extension == ending) {
            found.push(path);
        }
    }
    found
}

/// `request/path.rs` is `request::path`.
fn module(directory: &Path, file: &Path) -> String {
    let relative = file.strip_prefix(directory).unwrap().with_extension("");
    relative.iter().map(|part| part.to_str().unwrap()).collect::<Vec<_>>().join("::")
}

fn imports_of_crate(name: &str) -> Imports {
    let directory = root().join("crates").join(name).join("src");
    let files: BTreeMap<_, _> =
        files(&directory, "rs").into_iter().map(|file| (module(&directory, &file), file)).collect();
    let mut imports = Imports::new();
    for (own, file) in &files {
        let source = syn::parse_file(&fs::read_to_string(file).unwrap()).unwrap();
        let mut paths = Paths::default();
        paths.visit_file(&source);
        let parents: Vec<&str> = own.split("::").collect();
        let mut found = BTreeSet::new();
        for path in paths.0 {
            let up = path.iter().take_while(|name| *name == "super").count();
            let path = match path.first().map(String::as_str) {
                Some("crate") => path[1..].to_vec(),
                Some("super") if up <= parents.len() => parents[..parents.len() - up]
                    .iter()
                    .map(ToString::to_string)
                    .chain(path[up..].iter().cloned())
                    .collect(),
                _ => continue,
            };
            // The longest beginning that is a file.
            let beginnings = (1..=path.len()).rev().map(|length| path[..length].join("::"));
            let target = beginnings.into_iter().find(|beginning| files.contains_key(beginning));
            found.extend(target.filter(|target| target != own));
        }
        imports.insert(own.clone(), found);
    }
    imports
}

fn imports_of_javascript() -> Imports {
    let directory = root().join("js/src");
    let mut imports = Imports::new();
    for file in files(&directory, "ts") {
        let text = fs::read_to_string(&file).unwrap();
        let parts = text.split(['\'', '"']).collect::<Vec<_>>();
        let named = parts.windows(2).filter(|pair| pair[0].ends_with("from ") || pair[0].ends_with("import "));
        let found = named.filter(|pair| pair[1].starts_with('.')).map(|pair| {
            let target = file.parent().unwrap().join(pair[1]).with_extension("");
            // `entry/../verifier` is `verifier`.
            let mut parts: Vec<&str> = Vec::new();
            for part in target.strip_prefix(&directory).unwrap().iter().filter_map(|part| part.to_str()) {
                match part {
                    "." => {}
                    ".." => drop(parts.pop()),
                    part => parts.push(part),
                }
            }
            parts.join("::")
        });
        imports.insert(module(&directory, &file), found.collect());
    }
    imports
}

/// A way from a file back to itself, if there is one.
fn circle(imports: &Imports) -> Option<Vec<String>> {
    fn walk(imports: &Imports, file: &str, way: &mut Vec<String>, done: &mut BTreeSet<String>) -> bool {
        if let Some(start) = way.iter().position(|passed| passed == file) {
            way.drain(..start);
            return true;
        }
        if done.contains(file) {
            return false;
        }
        way.push(file.to_owned());
        if imports.get(file).into_iter().flatten().any(|next| walk(imports, next, way, done)) {
            return true;
        }
        way.pop();
        done.insert(file.to_owned());
        false
    }
    let (mut way, mut done) = (Vec::new(), BTreeSet::new());
    imports.keys().any(|file| walk(imports, file, &mut way, &mut done)).then_some(way)
}

/// Whether all imports go downwards, or stay in their room. Each room has at least one file.
fn check_floors(floors: &[&[&str]], imports: &Imports) {
    let floor = |room: &str| floors.iter().position(|floor| floor.contains(&room));
    let mut seen = BTreeSet::new();
    // What is for tests alone may use what it likes.
    for (file, targets) in imports.iter().filter(|(file, _)| *file != "lib" && !file.ends_with("::mock")) {
        let room = file.split("::").next().unwrap();
        let own = floor(room).unwrap_or_else(|| panic!("{file} is in no room"));
        seen.insert(room);
        for target in targets {
            let other = target.split("::").next().unwrap();
            let there = floor(other).unwrap_or_else(|| panic!("{target} is in no room"));
            assert!(room == other || there > own, "{file} looks into {target}: {other} is not below {room}");
        }
    }
    assert_eq!(seen.len(), floors.iter().map(|floor| floor.len()).sum::<usize>(), "{seen:?}");
}

#[test]
fn no_room_looks_upwards_or_sideways() {
    let core = imports_of_crate("token");
    assert!(core.values().map(BTreeSet::len).sum::<usize>() > 150, "{core:?}");
    check_floors(FLOORS, &core);
    check_floors(FLOORS_OF_ENVOY, &imports_of_crate("envoy"));
    check_floors(FLOORS_OF_XTASK, &imports_of_crate("xtask"));
    check_floors(FLOORS_OF_JAVASCRIPT, &imports_of_javascript());
}

#[test]
fn the_picture_of_the_rooms_is_the_one_that_is_held() {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let (_, rooms) = text.split_once("## The rooms of the core").unwrap();
    let picture = rooms.split("```").nth(1).unwrap().trim();
    let drawn: Vec<Vec<&str>> = picture.lines().map(|line| line.split(' ').collect()).collect();
    assert_eq!(drawn, FLOORS);
}

#[test]
fn each_room_says_what_comes_in_what_goes_out_and_what_it_must_not_know() {
    for room in FLOORS.iter().copied().flatten() {
        let file = root().join("crates/token/src").join(room);
        if !file.is_dir() {
            continue;
        }
        let text = fs::read_to_string(file.with_extension("rs")).unwrap();
        let says =
            |words: &str| text.lines().take_while(|line| line.starts_with("//!")).any(|line| line.contains(words));
        assert!(says("//! In: ") && says("Out: ") && says("//! It must not know: "), "{room}");
        // Nothing but the room: no code that its own files would have to import.
        let code = |line: &&str| {
            !line.is_empty() && !line.starts_with("//") && !line.contains("mod ") && !line.starts_with("#[cfg(")
        };
        assert_eq!(text.lines().find(code), None, "{room}");
    }
}

#[test]
fn no_two_files_import_each_other() {
    for name in ["cli", "encoding", "envoy", "issuer", "npm", "token", "xtask"] {
        assert_eq!(circle(&imports_of_crate(name)), None, "crates/{name}");
    }
    let javascript = imports_of_javascript();
    assert!(javascript.values().map(BTreeSet::len).sum::<usize>() > 15, "{javascript:?}");
    assert_eq!(circle(&javascript), None, "js/src");
}

#[test]
fn a_circle_is_found() {
    let imports = |edges: &[(&str, &str)]| {
        let mut imports = Imports::new();
        for (from, to) in edges {
            imports.entry((*from).into()).or_default().insert((*to).into());
        }
        imports
    };
    assert_eq!(circle(&imports(&[("a", "b"), ("b", "c"), ("a", "c")])), None);
    let found = circle(&imports(&[("z", "b"), ("b", "c"), ("c", "d"), ("d", "b")])).unwrap();
    assert_eq!(found, ["b", "c", "d"]);
}
