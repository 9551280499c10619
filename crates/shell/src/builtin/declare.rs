//! `declare`, `export`, `local`, `readonly`, `unset`, `let`.

use brush_parser::ast;

use crate::expand::quoted;
use crate::run::{Channel, Flow, Interpreter, NotSet, Stop, Value};

/// What the options say.
#[derive(Clone, Copy, Default)]
struct Attributes {
    exported: Option<bool>,
    readonly: bool,
    integer: Option<bool>,
    list: bool,
    map: bool,
    prints: bool,
    /// Functions are meant; whether their bodies are.
    functions: Option<bool>,
    global: bool,
}

pub(super) fn declare(
    shell: &mut Interpreter<'_>,
    command: &str,
    arguments: &[String],
) -> Flow<i32> {
    if command == "local" && !shell.state.variables.is_in_function() {
        shell.complain("local: can only be used in a function")?;
        return Ok(1);
    }
    let mut attributes = Attributes {
        exported: (command == "export").then_some(true),
        readonly: command == "readonly",
        ..Attributes::default()
    };
    let mut names = arguments;
    while let Some((option, rest)) = names.split_first() {
        let Some(letters) = option.strip_prefix(['-', '+']).filter(|it| !it.is_empty()) else {
            break;
        };
        names = rest;
        if option == "--" {
            break;
        }
        if !attributes.read(letters, option.starts_with('-'), command) {
            let options = "of the options there are -a, -A, -f, -g, -i, -p, -r and -x";
            return Err(Stop::Refused(format!("{command}: {option}: {options}")));
        }
    }
    if let Some(bodies) = attributes.functions {
        return functions(shell, bodies, names);
    }
    if attributes.prints || names.is_empty() {
        return show(shell, command, names);
    }
    let mut status = 0;
    for name in names {
        if !one(shell, command, attributes, name)? {
            status = 1;
        }
    }
    Ok(status)
}

impl Attributes {
    fn read(&mut self, letters: &str, on: bool, command: &str) -> bool {
        for letter in letters.chars() {
            match letter {
                'x' => self.exported = Some(on),
                'n' if command == "export" => self.exported = Some(false),
                'r' => self.readonly = on,
                'i' => self.integer = Some(on),
                'a' => self.list = on,
                'A' => self.map = on,
                'p' => self.prints = true,
                'f' | 'F' => self.functions = Some(letter == 'f'),
                'g' => self.global = true,
                _ => return false,
            }
        }
        true
    }
}

/// `declare -f`, `declare -F`: functions, by their names alone.
fn functions(shell: &mut Interpreter<'_>, bodies: bool, names: &[String]) -> Flow<i32> {
    let mut text = String::new();
    let mut status = 0;
    for name in names {
        match shell.state.functions.contains_key(name) {
            true => text += &format!("{name}\n"),
            false => status = 1,
        }
    }
    if names.is_empty() {
        let known = shell.state.functions.keys();
        text = known.map(|it| format!("declare -f {it}\n")).collect();
    }
    if bodies {
        shell.says_no_body(!text.is_empty())?;
    } else {
        shell.out(&text)?;
    }
    Ok(status)
}

impl Interpreter<'_> {
    /// The text of a function is not printed as bash would: refused where somebody reads it.
    pub(super) fn says_no_body(&self, any: bool) -> Flow<()> {
        let is_null = self.state.channels.get(&1) == Some(&Channel::Null);
        let unread = is_null || self.lines_left(1) == Some(0);
        match any && !unread {
            true => Err(Stop::Refused(
                "the text of a function is not printed: `declare -F` and `type -t` say whether \
                 there is one"
                    .to_owned(),
            )),
            false => Ok(()),
        }
    }
}

/// Declares one; `false` if that has failed, which has been said.
fn one(
    shell: &mut Interpreter<'_>,
    command: &str,
    attributes: Attributes,
    word: &str,
) -> Flow<bool> {
    let (name, value) = match word.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (word, None),
    };
    let (name, append) = match name.strip_suffix('+').filter(|_| value.is_some()) {
        Some(name) => (name, true),
        None => (name, false),
    };
    if !is_name(name) {
        shell.complain(&format!("{command}: `{word}': not a valid identifier"))?;
        return Ok(false);
    }
    let in_function = shell.state.variables.is_in_function();
    let is_local = in_function
        && match command {
            "local" => true,
            "declare" | "typeset" => !attributes.global,
            _ => false,
        };
    let known = shell.state.variables.find(name);
    if is_local && known.is_some_and(|it| it.readonly) {
        shell.complain(&format!("{command}: {name}: {}", NotSet::Readonly))?;
        return Ok(false);
    }
    let variable = match is_local {
        true => shell.state.variables.local(name),
        false => shell.state.variables.entry(name),
    };
    if attributes.map && !matches!(variable.value, Some(Value::Map(_))) {
        variable.value = Some(Value::Map(Default::default()));
    }
    if attributes.list && !matches!(variable.value, Some(Value::List(_))) {
        let first = variable
            .value
            .as_ref()
            .and_then(Value::text)
            .map(str::to_owned);
        variable.value = Some(Value::List((0..).zip(first).collect()));
    }
    variable.integer = attributes.integer.unwrap_or(variable.integer);
    let done = match value {
        None => true,
        Some(list) if list.starts_with('(') && list.ends_with(')') => {
            list_value(shell, word)?;
            true
        }
        Some(text) => shell.set_variable(name, text, append)?,
    };
    let variable = shell.state.variables.entry(name);
    variable.exported = attributes.exported.unwrap_or(variable.exported);
    variable.readonly |= attributes.readonly;
    Ok(done)
}

/// `declare a=(1 2)`, as the assignment alone would be.
fn list_value(shell: &mut Interpreter<'_>, word: &str) -> Flow<()> {
    let Ok(program) = shell.programs.parse(word) else {
        return Ok(());
    };
    let lists = program.complete_commands.iter().flat_map(|it| &it.0);
    for ast::CompoundListItem(and_or, _) in lists {
        let [ast::Command::Simple(simple)] = &and_or.first.seq[..] else {
            continue;
        };
        for item in simple.prefix.iter().flat_map(|it| &it.0) {
            if let ast::CommandPrefixOrSuffixItem::AssignmentWord(assignment, _) = item {
                shell.assign(assignment)?;
            }
        }
    }
    Ok(())
}

/// Whether it may be the name of a variable.
pub(crate) fn is_name(name: &str) -> bool {
    let mut letters = name.chars();
    letters
        .next()
        .is_some_and(|it| it == '_' || it.is_ascii_alphabetic())
        && letters.all(|it| it == '_' || it.is_ascii_alphanumeric())
}

/// `declare -p`, `export -p`.
fn show(shell: &mut Interpreter<'_>, command: &str, names: &[String]) -> Flow<i32> {
    let (mut lines, mut missing) = (String::new(), Vec::new());
    let all = shell.state.variables.all();
    let wanted: Vec<&str> = match names.is_empty() {
        true => all.keys().copied().collect(),
        false => names.iter().map(String::as_str).collect(),
    };
    for name in wanted {
        let Some(variable) = all.get(name) else {
            missing.push(name.to_owned());
            continue;
        };
        let left_out = command == "export" && !variable.exported
            || command == "readonly" && !variable.readonly;
        if left_out && names.is_empty() {
            continue;
        }
        let mut letters = String::new();
        for (on, letter) in [
            (matches!(variable.value, Some(Value::List(_))), 'a'),
            (matches!(variable.value, Some(Value::Map(_))), 'A'),
            (variable.integer, 'i'),
            (variable.readonly, 'r'),
            (variable.exported, 'x'),
        ] {
            if on {
                letters.push(letter);
            }
        }
        let letters = if letters.is_empty() {
            "-".to_owned()
        } else {
            letters
        };
        let value = match &variable.value {
            None => String::new(),
            Some(Value::Text(text)) => format!("={}", double_quoted(text)),
            Some(list) => {
                let pairs = list.keys().into_iter().zip(list.all());
                let pairs = pairs.map(|(key, text)| format!("[{key}]={}", double_quoted(&text)));
                format!("=({})", pairs.collect::<Vec<_>>().join(" "))
            }
        };
        lines += &format!("declare -{letters} {name}{value}\n");
    }
    shell.out(&lines)?;
    for name in &missing {
        shell.complain(&format!("{command}: {name}: not found"))?;
    }
    Ok(i32::from(!missing.is_empty()))
}

fn double_quoted(text: &str) -> String {
    if text.chars().any(char::is_control) {
        return quoted(text);
    }
    let mut out = "\"".to_owned();
    for letter in text.chars() {
        if "\"\\$`".contains(letter) {
            out.push('\\');
        }
        out.push(letter);
    }
    out + "\""
}

pub(super) fn unset(shell: &mut Interpreter<'_>, arguments: &[String]) -> Flow<i32> {
    let (mut functions, mut variables, mut status) = (false, false, 0);
    for word in arguments {
        match word.as_str() {
            "-f" => functions = true,
            "-v" => variables = true,
            name if functions => drop(shell.state.functions.remove(name)),
            name => {
                if let Some((name, index)) =
                    name.strip_suffix(']').and_then(|it| it.split_once('['))
                {
                    let (key, index) = shell.index(name, index)?;
                    shell.state.variables.remove_element(name, &key, index);
                    continue;
                }
                let is_variable = shell.state.variables.find(name).is_some();
                if !is_variable && !variables {
                    shell.state.functions.remove(name);
                }
                if shell.state.variables.remove(name).is_err() {
                    let text = format!("unset: {name}: cannot unset: readonly variable");
                    shell.complain(&text)?;
                    status = 1;
                }
            }
        }
    }
    Ok(status)
}

pub(super) fn calculate(shell: &mut Interpreter<'_>, arguments: &[String]) -> Flow<i32> {
    if arguments.is_empty() {
        shell.complain("let: expression expected")?;
        return Ok(1);
    }
    let mut last = Some(0);
    for expression in arguments {
        last = shell.arithmetic_or_complain(expression, "let: ")?;
        if last.is_none() {
            break;
        }
    }
    Ok(i32::from(last.is_none_or(|it| it == 0)))
}
