//! Which file of a crate imports which other, and which of these imports lie on circles. What counts is in `main.rs`.

use std::collections::{BTreeMap, BTreeSet};

use crate::text;

type ModulePath = Vec<String>;

/// A file with its imports taken apart.
struct File {
    name: String,
    module: ModulePath,
    /// What is left without its `use` declarations.
    code: String,
    uses: Vec<Use>,
    /// Modules that it declares.
    children: Vec<String>,
}

/// One name that a `use` declaration brings.
struct Use {
    public: bool,
    path: ModulePath,
    name: String,
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

fn words(path: &str) -> ModulePath {
    path.split("::").map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
}

/// The module that a file holds, from its place among the others.
fn module(name: &str) -> ModulePath {
    let mut parts: ModulePath = name.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    if parts.last().is_some_and(|last| last == "mod" || last == "lib") {
        parts.pop();
    }
    parts
}

/// Adds the names of a `use` tree: `a::{b, c as d, e::*}`.
fn leaves(tree: &str, prefix: &[String], public: bool, found: &mut Vec<Use>) {
    let tree = tree.trim();
    if let Some((start, rest)) = tree.split_once('{') {
        let prefix = [prefix, &words(start)].concat();
        let inside = rest.rsplit_once('}').map_or(rest, |(inside, _)| inside);
        let (mut depth, mut from) = (0, 0);
        for (at, character) in inside.char_indices().chain([(inside.len(), ',')]) {
            match character {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    leaves(&inside[from..at], &prefix, public, found);
                    from = at + 1;
                }
                _ => {}
            }
        }
    } else if !tree.is_empty() {
        let (path, alias) = tree.split_once(" as ").map_or((tree, None), |(path, alias)| (path, Some(alias.trim())));
        let mut path = [prefix, &words(path)].concat();
        if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
            path.pop();
        }
        let name = alias.unwrap_or(path.last().map_or("", String::as_str)).to_owned();
        found.push(Use { public, path, name });
    }
}

impl File {
    fn new(name: &str, text: &str) -> Self {
        let mut code = text::code(text);
        let (mut uses, mut from) = (Vec::new(), 0);
        while let Some(at) = code[from..].find("use ").map(|at| from + at) {
            let before = code[..at].trim_end();
            let public = before.ends_with("pub")
                || before.ends_with(')')
                    && before.rfind("pub(").is_some_and(|start| {
                        before[start + 4..before.len() - 1]
                            .chars()
                            .all(|character| is_word(character) || character == ' ')
                    });
            let begins = public || before.is_empty() || before.ends_with([';', '{', '}', ']']);
            let end = code[at..].find(';').map_or(code.len(), |end| at + end);
            if begins {
                leaves(&code[at + 4..end], &[], public, &mut uses);
                code.replace_range(at..end, "");
            } else {
                from = at + 4;
            }
        }
        let declared = code.split("mod ").skip(1).filter_map(|rest| {
            let end = rest.find(|character| !is_word(character))?;
            rest[end..].starts_with(';').then(|| rest[..end].to_owned())
        });
        Self { name: name.to_owned(), module: module(name), children: declared.collect(), uses, code }
    }

    /// Paths in the code, `a::b::c`.
    fn paths(&self) -> impl Iterator<Item = ModulePath> {
        let parts = self.code.split(|character| !is_word(character) && character != ':');
        parts.filter(|part| part.contains("::")).map(words)
    }

    fn mentions(&self, name: &str) -> bool {
        self.code.split(|character| !is_word(character)).any(|word| word == name)
    }
}

/// The files of a crate, each under the module that it holds; where `path = "…"` chooses, several hold one.
struct Crate {
    files: Vec<File>,
    modules: BTreeMap<ModulePath, Vec<usize>>,
}

impl Crate {
    fn new(sources: &[(String, String)]) -> Self {
        let mut files: Vec<File> = sources.iter().map(|(name, text)| File::new(name, text)).collect();
        for (name, text) in sources {
            let folder = name.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
            for rest in text.split("path = \"").skip(1) {
                let Some((chosen, rest)) = rest.split_once('"') else { continue };
                let declared = rest.split_once("mod ").and_then(|(_, rest)| rest.split_once(';'));
                let parent = if name == "lib.rs" { Vec::new() } else { module(name) };
                for file in files.iter_mut().filter(|file| file.name == format!("{folder}{chosen}")) {
                    if let Some((child, _)) = declared {
                        file.module = [&parent[..], &[child.to_owned()]].concat();
                    }
                }
            }
        }
        let mut modules: BTreeMap<ModulePath, Vec<usize>> = BTreeMap::new();
        for (index, file) in files.iter().enumerate() {
            modules.entry(file.module.clone()).or_default().push(index);
        }
        Self { files, modules }
    }

    /// A path from the crate's root; `None` where it leads out of the crate.
    fn absolute(&self, from: usize, path: &[String]) -> Option<ModulePath> {
        let file = &self.files[from];
        let mut rest = path;
        let mut base = match rest.first()?.as_str() {
            "crate" => Vec::new(),
            "self" | "super" => file.module.clone(),
            word => {
                if file.children.iter().any(|child| child == word) {
                    return Some([&file.module, path].concat());
                }
                let alias = file.uses.iter().find(|used| used.name == word && used.path != path)?;
                let base = self.absolute(from, &alias.path)?;
                return self.modules.contains_key(&base).then(|| [&base, &path[1..]].concat());
            }
        };
        if rest[0] != "super" {
            rest = &rest[1..];
        }
        while rest.first().is_some_and(|word| word == "super") {
            base.pop();
            rest = &rest[1..];
        }
        base.extend_from_slice(rest);
        Some(base)
    }

    /// The files that an item comes from.
    fn origins(&self, path: &[String], depth: usize) -> Vec<usize> {
        let Some(len) = (0..=path.len()).rev().find(|&len| self.modules.contains_key(&path[..len])) else {
            return Vec::new();
        };
        let files = &self.modules[&path[..len]];
        for &file in files {
            let exported = self.files[file].uses.iter().find(|used| used.public && path[len..].contains(&used.name));
            if let Some(used) = exported.filter(|_| depth < 8)
                && let Some(target) = self.absolute(file, &used.path).filter(|target| target != path)
            {
                return self.origins(&target, depth + 1);
            }
        }
        files.clone()
    }
}

/// Every pair of a file and one that it imports.
pub(crate) fn edges(sources: &[(String, String)]) -> Vec<(String, String)> {
    let all = Crate::new(sources);
    let mut found = BTreeSet::new();
    for (from, file) in all.files.iter().enumerate() {
        let used =
            file.uses.iter().filter(|used| !used.public || file.mentions(&used.name)).map(|used| used.path.clone());
        for path in used.chain(file.paths()) {
            let Some(path) = all.absolute(from, &path) else { continue };
            // A module as such: what is used of it is seen where its name stands before `::`.
            if all.modules.contains_key(&path) && !path.is_empty() {
                continue;
            }
            for to in all.origins(&path, 0) {
                if to != from {
                    found.insert((file.name.clone(), all.files[to].name.clone()));
                }
            }
        }
    }
    found.into_iter().collect()
}

/// The edges that lie on a circle: from whose end their start can be reached.
pub(crate) fn circular(edges: &[(String, String)]) -> Vec<(String, String)> {
    let reaches = |start: &str, end: &str| {
        let (mut seen, mut open) = (BTreeSet::from([start]), vec![start]);
        while let Some(at) = open.pop() {
            if at == end {
                return true;
            }
            open.extend(edges.iter().filter(|edge| edge.0 == at && seen.insert(&edge.1)).map(|edge| edge.1.as_str()));
        }
        false
    };
    edges.iter().filter(|(from, to)| reaches(to, from)).cloned().collect()
}

#[test]
fn circles_are_found_through_modules_and_re_exports() {
    let source = |name: &str, text: &str| (name.to_owned(), text.to_owned());
    let files = [
        source("lib.rs", "pub mod a; pub mod b; mod c;\npub mod prelude { pub use crate::b::B; }"),
        source("a.rs", "use crate::prelude::B; use std::fmt; #[cfg(test)] mod tests { use crate::c::C; }"),
        source("b/mod.rs", "mod d; pub use d::B; pub(crate) use d::unused; fn f() { c::g() } use crate::{c};"),
        source("b/d.rs", "// use crate::c;\nuse super::{f, super::a::{A as Other, E}};"),
        source("c.rs", "pub fn g() { crate::a::f(); }"),
    ];
    let edges = edges(&files);
    let pairs: Vec<_> = edges.iter().map(|(from, to)| format!("{from} -> {to}")).collect();
    assert_eq!(pairs, ["a.rs -> b/d.rs", "b/d.rs -> a.rs", "b/d.rs -> b/mod.rs", "b/mod.rs -> c.rs", "c.rs -> a.rs"]);
    assert_eq!(circular(&edges), edges);
    assert!(circular(&edges[2..]).is_empty());
}
