//! Variables of a script, and those of the functions that it is in.

use std::collections::BTreeMap;

/// What a variable holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Text(String),
    List(BTreeMap<i64, String>),
    /// `declare -A`; in the order of the keys, where bash has that of its hashes.
    Map(BTreeMap<String, String>),
}

impl Value {
    /// What `$x` gives: of an array its element 0.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::List(list) => list.get(&0).map(String::as_str),
            Self::Map(map) => map.get("0").map(String::as_str),
        }
    }

    fn octets(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::List(list) => list.values().map(|it| it.len() + 8).sum(),
            Self::Map(map) => map.iter().map(|(key, it)| key.len() + it.len()).sum(),
        }
    }

    /// Every element, in order.
    pub(crate) fn all(&self) -> Vec<String> {
        match self {
            Self::Text(text) => vec![text.clone()],
            Self::List(list) => list.values().cloned().collect(),
            Self::Map(map) => map.values().cloned().collect(),
        }
    }

    /// The names of the elements.
    pub(crate) fn keys(&self) -> Vec<String> {
        match self {
            Self::Text(_) => vec!["0".to_owned()],
            Self::List(list) => list.keys().map(i64::to_string).collect(),
            Self::Map(map) => map.keys().cloned().collect(),
        }
    }

    /// An index as it is typed, counted from the end if it is negative.
    pub(crate) fn element(&self, index: i64) -> Option<&str> {
        match self {
            Self::Text(text) => (index == 0 || index == -1).then_some(text),
            Self::List(list) => {
                let index = if index < 0 {
                    end_of(list) + index
                } else {
                    index
                };
                list.get(&index).map(String::as_str)
            }
            Self::Map(map) => map.get(&index.to_string()).map(String::as_str),
        }
    }
}

/// A variable. One that is declared only has no value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Variable {
    pub(crate) value: Option<Value>,
    pub(crate) exported: bool,
    pub(crate) readonly: bool,
    pub(crate) integer: bool,
}

/// Why a variable was not set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotSet {
    Readonly,
    /// An index counted from the end of an array that is shorter.
    Subscript,
}

impl std::fmt::Display for NotSet {
    /// As bash says it behind the name.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Readonly => "readonly variable",
            Self::Subscript => "bad array subscript",
        })
    }
}

/// The index behind the last one of a list.
pub(crate) fn end_of(list: &BTreeMap<i64, String>) -> i64 {
    list.keys().next_back().map_or(0, |it| it.saturating_add(1))
}

/// Variables: those of the script, and those of each function at work.
#[derive(Clone, Debug)]
pub(crate) struct Variables {
    scopes: Vec<BTreeMap<String, Variable>>,
}

impl Default for Variables {
    fn default() -> Self {
        Self {
            scopes: vec![BTreeMap::new()],
        }
    }
}

impl Variables {
    pub(crate) fn find(&self, name: &str) -> Option<&Variable> {
        self.scopes.iter().rev().find_map(|it| it.get(name))
    }

    pub(crate) fn value(&self, name: &str) -> Option<&Value> {
        self.find(name)?.value.as_ref()
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.value(name)?.text()
    }

    /// The variable, made if there is none.
    pub(crate) fn entry(&mut self, name: &str) -> &mut Variable {
        let has = |it: &BTreeMap<_, _>| it.contains_key(name);
        let at = self.scopes.iter().rposition(has).unwrap_or(0);
        self.scopes[at].entry(name.to_owned()).or_default()
    }

    /// The variable of the function at work.
    pub(crate) fn local(&mut self, name: &str) -> &mut Variable {
        let last = self.scopes.len() - 1;
        self.scopes[last].entry(name.to_owned()).or_default()
    }

    pub(crate) fn set(&mut self, name: &str, value: Value) -> Result<(), NotSet> {
        let variable = self.entry(name);
        if variable.readonly {
            return Err(NotSet::Readonly);
        }
        variable.value = Some(match (variable.value.take(), value) {
            // A text for an array is its element 0.
            (Some(Value::List(mut list)), Value::Text(text)) => {
                list.insert(0, text);
                Value::List(list)
            }
            (Some(Value::Map(mut map)), Value::Text(text)) => {
                map.insert("0".to_owned(), text);
                Value::Map(map)
            }
            (_, value) => value,
        });
        Ok(())
    }

    pub(crate) fn set_text(&mut self, name: &str, text: impl Into<String>) -> Result<(), NotSet> {
        self.set(name, Value::Text(text.into()))
    }

    /// Sets one element of an array.
    pub(crate) fn set_element(
        &mut self,
        name: &str,
        key: &str,
        index: i64,
        text: String,
    ) -> Result<(), NotSet> {
        let variable = self.entry(name);
        if variable.readonly {
            return Err(NotSet::Readonly);
        }
        let mut list = match variable.value.take() {
            Some(Value::Map(mut map)) => {
                map.insert(key.to_owned(), text);
                variable.value = Some(Value::Map(map));
                return Ok(());
            }
            Some(Value::List(list)) => list,
            Some(Value::Text(first)) => BTreeMap::from([(0, first)]),
            None => BTreeMap::new(),
        };
        let index = if index < 0 {
            end_of(&list) + index
        } else {
            index
        };
        let fits = index >= 0;
        if fits {
            list.insert(index, text);
        }
        variable.value = Some(Value::List(list));
        if fits { Ok(()) } else { Err(NotSet::Subscript) }
    }

    pub(crate) fn remove(&mut self, name: &str) -> Result<(), NotSet> {
        let Some(scope) = self
            .scopes
            .iter_mut()
            .rev()
            .find(|it| it.contains_key(name))
        else {
            return Ok(());
        };
        if scope.get(name).is_some_and(|it| it.readonly) {
            return Err(NotSet::Readonly);
        }
        scope.remove(name);
        Ok(())
    }

    /// Takes one element out of an array.
    pub(crate) fn remove_element(&mut self, name: &str, key: &str, index: i64) {
        match &mut self.entry(name).value {
            Some(Value::List(list)) => {
                let index = if index < 0 {
                    end_of(list) + index
                } else {
                    index
                };
                list.remove(&index);
            }
            Some(Value::Map(map)) => drop(map.remove(key)),
            _ => {}
        }
    }

    /// A function begins.
    pub(crate) fn push(&mut self) {
        self.scopes.push(BTreeMap::new());
    }

    /// The function has ended.
    pub(crate) fn pop(&mut self) {
        self.scopes.pop();
    }

    /// Whether a function is at work.
    pub(crate) fn is_in_function(&self) -> bool {
        self.scopes.len() > 1
    }

    /// Names in order, each with what it means now.
    pub(crate) fn all(&self) -> BTreeMap<&str, &Variable> {
        let scopes = self.scopes.iter().flatten();
        scopes.map(|(name, it)| (name.as_str(), it)).collect()
    }

    /// What programs are given.
    pub(crate) fn exported(&self) -> Vec<(String, String)> {
        let all = self.all().into_iter().filter(|(_, it)| it.exported);
        all.filter_map(|(name, it)| Some((name.to_owned(), it.value.as_ref()?.text()?.to_owned())))
            .collect()
    }

    /// About how many octets all of them are.
    pub(crate) fn octets(&self) -> usize {
        let all = self.scopes.iter().flatten();
        all.map(|(name, it)| name.len() + it.value.as_ref().map_or(0, Value::octets))
            .sum()
    }

    /// Programs are given these alone.
    pub(crate) fn export_only(&mut self, keeps: impl Fn(&str) -> bool) {
        for (name, variable) in self.scopes.iter_mut().flatten() {
            variable.exported &= keeps(name);
        }
    }

    /// Sets a variable that programs are given.
    pub(crate) fn export(&mut self, name: &str, text: &str) {
        let variable = self.entry(name);
        variable.value = Some(Value::Text(text.to_owned()));
        variable.exported = true;
    }

    /// What a new shell begins with.
    pub(crate) fn inherited(&self) -> Self {
        let mut made = Self::default();
        for (name, text) in self.exported() {
            made.export(&name, &text);
        }
        made
    }
}
