//! Label selectors.

use serde_json::Value;

/// All of these hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Selector {
    requirements: Vec<Requirement>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Requirement {
    key: String,
    operator: Operator,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Operator {
    In(Vec<String>),
    NotIn(Vec<String>),
    Exists,
    Missing,
    Greater(i64),
    Less(i64),
}

impl Selector {
    /// Reads what `labelSelector` holds; the error is the message of the 400.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut tokens = Tokens { rest: text };
        let mut requirements = Vec::new();
        while tokens.peek() != Token::End {
            let requirement = requirement(&mut tokens);
            requirements.push(
                requirement.map_err(|error| format!("unable to parse requirement: {error}"))?,
            );
            match tokens.next() {
                Token::End => break,
                Token::Symbol(",") if tokens.peek() != Token::End => {}
                found => return Err(format!("found '{found}', expected: ',' or 'end of string'")),
            }
        }
        Ok(Self { requirements })
    }

    pub(super) fn matches(&self, object: &Value) -> bool {
        if self.requirements.is_empty() {
            return true;
        }
        let labels = &object["metadata"]["labels"];
        self.requirements
            .iter()
            .all(|requirement| requirement.holds(labels))
    }
}

impl Requirement {
    fn holds(&self, labels: &Value) -> bool {
        let value = labels.get(&self.key).and_then(Value::as_str);
        let number = || value.and_then(|value| value.parse::<i64>().ok());
        let among =
            |values: &[String]| value.is_some_and(|value| values.iter().any(|one| one == value));
        match &self.operator {
            Operator::In(values) => among(values),
            Operator::NotIn(values) => !among(values),
            Operator::Exists => value.is_some(),
            Operator::Missing => value.is_none(),
            Operator::Greater(bound) => number().is_some_and(|number| number > *bound),
            Operator::Less(bound) => number().is_some_and(|number| number < *bound),
        }
    }
}

fn requirement(tokens: &mut Tokens<'_>) -> Result<Requirement, String> {
    let missing = tokens.peek() == Token::Symbol("!");
    if missing {
        tokens.next();
    }
    let key = identifier(tokens)?;
    if missing {
        return Ok(Requirement {
            key,
            operator: Operator::Missing,
        });
    }
    let operator = match tokens.peek() {
        Token::End | Token::Symbol(",") => Operator::Exists,
        _ => operator(tokens)?,
    };
    Ok(Requirement { key, operator })
}

fn operator(tokens: &mut Tokens<'_>) -> Result<Operator, String> {
    let bound = |text: String| {
        text.parse().map_err(|_| {
            format!("values[0]: Invalid value: \"{text}\": for 'Gt', 'Lt' operators, the value must be an integer")
        })
    };
    Ok(match tokens.next() {
        Token::Symbol("=" | "==") => Operator::In(vec![value(tokens)?]),
        Token::Symbol("!=") => Operator::NotIn(vec![value(tokens)?]),
        Token::Symbol(">") => Operator::Greater(bound(value(tokens)?)?),
        Token::Symbol("<") => Operator::Less(bound(value(tokens)?)?),
        Token::Word("in") => Operator::In(values(tokens)?),
        Token::Word("notin") => Operator::NotIn(values(tokens)?),
        found => {
            return Err(format!(
                "found '{found}', expected: in, notin, =, ==, !=, gt, lt"
            ));
        }
    })
}

fn identifier(tokens: &mut Tokens<'_>) -> Result<String, String> {
    match tokens.next() {
        Token::Word(word) => Ok(word.to_owned()),
        found => Err(format!("found '{found}', expected: identifier")),
    }
}

/// A single value, which may be empty.
fn value(tokens: &mut Tokens<'_>) -> Result<String, String> {
    match tokens.peek() {
        Token::End | Token::Symbol(",") => Ok(String::new()),
        _ => identifier(tokens),
    }
}

fn values(tokens: &mut Tokens<'_>) -> Result<Vec<String>, String> {
    if tokens.peek() != Token::Symbol("(") {
        return Err(format!("found '{}' expected: '('", tokens.peek()));
    }
    tokens.next();
    let mut values = Vec::new();
    loop {
        values.push(match tokens.peek() {
            Token::Symbol("," | ")") => String::new(),
            _ => identifier(tokens)?,
        });
        match tokens.next() {
            Token::Symbol(",") => {}
            Token::Symbol(")") => return Ok(values),
            found => return Err(format!("found '{found}', expected: ',' or ')'")),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'a> {
    Word(&'a str),
    Symbol(&'a str),
    End,
}

impl std::fmt::Display for Token<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Token::Word(text) | Token::Symbol(text) => f.write_str(text),
            Token::End => Ok(()),
        }
    }
}

/// The words of a selector; copied to look ahead.
#[derive(Clone)]
struct Tokens<'a> {
    rest: &'a str,
}

impl<'a> Tokens<'a> {
    fn peek(&self) -> Token<'a> {
        self.clone().next()
    }

    fn next(&mut self) -> Token<'a> {
        let rest = self.rest.trim_start_matches([' ', '\t', '\r', '\n']);
        let special = |c: char| "=!(),<>".contains(c);
        let symbol = ["==", "!=", "=", "!", "(", ")", ",", "<", ">"];
        let (token, len) = if rest.is_empty() {
            (Token::End, 0)
        } else if let Some(symbol) = symbol.into_iter().find(|symbol| rest.starts_with(symbol)) {
            (Token::Symbol(symbol), symbol.len())
        } else {
            let end = rest.find(|c: char| special(c) || c.is_ascii_whitespace());
            let end = end.unwrap_or(rest.len());
            (Token::Word(&rest[..end]), end)
        };
        self.rest = &rest[len..];
        token
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn equality_and_sets() {
        let object = json!({"metadata": {"labels": {"app": "web", "tier": "a", "n": "5"}}});
        for (text, wanted) in [
            ("", true),
            ("app=web", true),
            ("app==web,tier!=b", true),
            ("app!=web", false),
            ("other!=x", true),
            ("app in (api, web),tier notin (b,c)", true),
            ("app in (api)", false),
            ("other notin (x)", true),
            ("app", true),
            ("!app", false),
            ("!other", true),
            ("n>4,n<6", true),
            ("n>5", false),
            ("app=", false),
            ("in in (in)", false),
        ] {
            assert_eq!(
                Selector::parse(text).unwrap().matches(&object),
                wanted,
                "{text}"
            );
        }
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        for (text, wanted) in [
            (
                "app===x",
                "unable to parse requirement: found '=', expected: identifier",
            ),
            (
                "app in web",
                "unable to parse requirement: found 'web' expected: '('",
            ),
            ("a=b c", "found 'c', expected: ',' or 'end of string'"),
        ] {
            assert_eq!(Selector::parse(text).unwrap_err(), wanted);
        }
    }
}
