//! Expressions.
//!
//! ```text
//! tuple      = expression *( "," expression ) [","]
//! expression = or *( "if" or ["else" expression] )
//! or         = and *( "or" and )
//! and        = not *( "and" not )
//! not        = "not" not / sum *( ( "==" / "!=" / "<" / "<=" / ">" / ">=" / "in" / "not" "in" ) sum )
//! sum        = concat *( ( "+" / "-" ) concat )
//! concat     = product *( "~" product )
//! product    = power *( ( "*" / "/" / "//" / "%" ) power )
//! power      = unary *( "**" unary )
//! unary      = ( "-" / "+" ) unary / primary *postfix *( filter / test / call )
//! primary    = name / literal / "(" [tuple] ")" / "[" … "]" / "{" expression ":" expression *( "," … ) "}"
//! postfix    = "." ( name / integer ) / "[" subscript *( "," subscript ) "]" / call
//! subscript  = expression / [expression] ":" [expression] [":" [expression]]
//! call       = "(" [( [name "="] / "*" / "**" ) expression *( "," … )] ")"
//! filter     = "|" name *( "." name ) [call]
//! test       = "is" ["not"] name *( "." name ) [call / primary *postfix]
//! ```

use alloc::boxed::Box;
use alloc::format;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;

use super::super::filters;
use super::super::lexer::Token;
use super::super::predicates;
use super::super::syntax::{Arguments, Binary, Call, Comparison, Expr, Named, Node};
use super::super::value::Value;
use super::{Parsed, Parser, boxed, constant, extra};

/// How high the tree of an expression may be.
const HEIGHT_MAX: u16 = 200;

/// The operators between two values, by how tightly they bind.
const SUMS: [(&str, Binary); 2] = [("+", Binary::Add), ("-", Binary::Sub)];
const PRODUCTS: [(&str, Binary); 4] = [
    ("*", Binary::Mul),
    ("/", Binary::Div),
    ("//", Binary::Floor),
    ("%", Binary::Mod),
];
const POWERS: [(&str, Binary); 1] = [("**", Binary::Pow)];

/// The comparisons that are signs.
const COMPARISONS: [(&str, Comparison); 6] = [
    ("==", Comparison::Equal),
    ("!=", Comparison::Unequal),
    ("<", Comparison::Less),
    ("<=", Comparison::LessOrEqual),
    (">", Comparison::Greater),
    (">=", Comparison::GreaterOrEqual),
];

impl Parser<'_> {
    /// A node of the tree, unless it were too high.
    fn node(&self, expr: Expr, highest: u16) -> Parsed {
        if highest < HEIGHT_MAX {
            Ok(Node {
                expr,
                line: self.line(),
                height: highest + 1,
            })
        } else {
            self.broken("an expression too long or too deep")
        }
    }

    fn leaf(&self, expr: Expr) -> Parsed {
        self.node(expr, 0)
    }

    /// Expressions with commas between them are a tuple. It ends before these words, too.
    pub fn tuple(&mut self, with_if: bool, ends: &[&str]) -> Parsed {
        self.tuple_or_nothing(with_if, ends, false)
    }

    fn tuple_or_nothing(&mut self, with_if: bool, ends: &[&str], or_nothing: bool) -> Parsed {
        let (mut items, mut highest, mut is_tuple) = (Vec::new(), 0, false);
        while !self.is_tuple_end(ends) {
            let item = if with_if {
                self.expression()?
            } else {
                self.nested(Self::or)?
            };
            highest = item.height.max(highest);
            items.push(item);
            if self.takes_sign(",") {
                is_tuple = true
            } else {
                break;
            }
        }
        match items.pop() {
            Some(item) if !is_tuple => Ok(item),
            None if !or_nothing => self.instead("an expression"),
            last => {
                items.extend(last);
                self.node(Expr::Tuple(items), highest)
            }
        }
    }

    fn is_tuple_end(&self, ends: &[&str]) -> bool {
        let token = self.token();
        matches!(
            token,
            None | Some(Token::PrintEnd | Token::BlockEnd | Token::Sign(")"))
        ) || ends.iter().any(|end| self.is_word(end))
    }

    /// An expression.
    pub fn expression(&mut self) -> Parsed {
        self.nested(|parser| {
            let unknown = parser.unknown.clone();
            let mut value = parser.or()?;
            while parser.takes_word("if") {
                // What was just read may not be executed.
                parser.unknown.clone_from(&unknown);
                let condition = parser.conditional(Self::or)?;
                let mut highest = value.height.max(condition.height);
                let otherwise = if parser.takes_word("else") {
                    Some(parser.conditional(Self::expression)?)
                } else {
                    None
                };
                highest = otherwise
                    .as_ref()
                    .map_or(0, |node| node.height)
                    .max(highest);
                value = parser.node(Expr::If(Box::new((value, condition, otherwise))), highest)?;
            }
            Ok(value)
        })
    }

    fn or(&mut self) -> Parsed {
        let mut left = self.and()?;
        while self.takes_word("or") {
            let right = self.and()?;
            let highest = left.height.max(right.height);
            left = self.node(Expr::Or(boxed(left, right)), highest)?;
        }
        Ok(left)
    }

    fn and(&mut self) -> Parsed {
        let mut left = self.not()?;
        while self.takes_word("and") {
            let right = self.not()?;
            let highest = left.height.max(right.height);
            left = self.node(Expr::And(boxed(left, right)), highest)?;
        }
        Ok(left)
    }

    fn not(&mut self) -> Parsed {
        if self.takes_word("not") {
            let value = self.nested(Self::not)?;
            let height = value.height;
            return self.node(Expr::Not(Box::new(value)), height);
        }
        self.compare()
    }

    fn compare(&mut self) -> Parsed {
        let first = self.sum()?;
        let (mut others, mut highest) = (Vec::new(), first.height);
        while let Some(comparison) = self.comparison() {
            let other = self.sum()?;
            highest = other.height.max(highest);
            others.push((comparison, other));
        }
        if others.is_empty() {
            Ok(first)
        } else {
            self.node(Expr::Compare(Box::new(first), others), highest)
        }
    }

    fn comparison(&mut self) -> Option<Comparison> {
        if let Some(comparison) = self.operator(&COMPARISONS) {
            return Some(comparison);
        }
        if self.takes_word("in") {
            return Some(Comparison::In);
        }
        let next = self.spots.get(self.at + 1).map(|spot| &spot.token);
        let is_not_in =
            self.is_word("not") && matches!(next, Some(Token::Name(name)) if &**name == "in");
        self.at += if is_not_in { 2 } else { 0 };
        is_not_in.then_some(Comparison::NotIn)
    }

    /// The operator that is here, if it is one of these.
    fn operator<T: Copy>(&mut self, table: &[(&str, T)]) -> Option<T> {
        let (_, operator) = table.iter().find(|(sign, _)| self.is_sign(sign))?;
        self.at += 1;
        Some(*operator)
    }

    /// Values with operators of one kind between them, the first ones first.
    fn chain(&mut self, table: &[(&str, Binary)], part: fn(&mut Self) -> Parsed) -> Parsed {
        let mut left = part(self)?;
        while let Some(operator) = self.operator(table) {
            let right = part(self)?;
            let highest = left.height.max(right.height);
            left = self.node(Expr::Binary(Box::new((left, operator, right))), highest)?;
        }
        Ok(left)
    }

    fn sum(&mut self) -> Parsed {
        self.chain(&SUMS, Self::concat)
    }

    fn concat(&mut self) -> Parsed {
        let first = self.product()?;
        if !self.is_sign("~") {
            return Ok(first);
        }
        let (mut highest, mut parts) = (first.height, Vec::from([first]));
        while self.takes_sign("~") {
            let part = self.product()?;
            highest = part.height.max(highest);
            parts.push(part);
        }
        self.node(Expr::Concat(parts), highest)
    }

    fn product(&mut self) -> Parsed {
        self.chain(&PRODUCTS, Self::power)
    }

    fn power(&mut self) -> Parsed {
        self.chain(&POWERS, |parser| parser.unary(true))
    }

    /// A filter behind a sign is one of the signed value.
    fn unary(&mut self, with_filters: bool) -> Parsed {
        let minus = self.is_sign("-");
        let value = if minus || self.is_sign("+") {
            self.at += 1;
            let value = self.nested(|parser| parser.unary(false))?;
            let height = value.height;
            self.node(Expr::Sign(minus, Box::new(value)), height)?
        } else {
            self.primary()?
        };
        let value = self.postfixes(value)?;
        if with_filters {
            self.filters_and_tests(value)
        } else {
            Ok(value)
        }
    }

    fn primary(&mut self) -> Parsed {
        let token = self.token().cloned();
        self.at += 1;
        match token {
            Some(Token::Name(name)) => {
                let extra = extra(&name);
                let seen = self.seen.last_mut().zip(extra);
                if let Some(seen) = seen.and_then(|(seen, extra)| seen.get_mut(extra)) {
                    *seen = true;
                }
                self.leaf(constant(&name).map_or(Expr::Name(name), Expr::Const))
            }
            Some(Token::Text(text)) => self.strings(text),
            Some(Token::Int(int)) => self.leaf(Expr::Const(Value::Int(int))),
            Some(Token::Float(float)) => self.leaf(Expr::Const(Value::Float(float))),
            Some(Token::Sign("(")) => {
                let value = self.tuple_or_nothing(true, &[], true)?;
                self.sign(")")?;
                Ok(value)
            }
            Some(Token::Sign("[")) => self.list(),
            Some(Token::Sign("{")) => self.dict(),
            _ => {
                self.at -= 1;
                self.instead("an expression")
            }
        }
    }

    /// Strings that follow each other are one.
    fn strings(&mut self, first: Rc<str>) -> Parsed {
        let mut text = String::new();
        while let Some(Token::Text(more)) = self.token() {
            text.push_str(more);
            self.at += 1;
        }
        let text = if text.is_empty() {
            first
        } else {
            format!("{first}{text}").into()
        };
        self.leaf(Expr::Const(Value::Text(text)))
    }

    fn list(&mut self) -> Parsed {
        let (mut items, mut highest) = (Vec::new(), 0);
        while !self.is_sign("]") {
            let item = self.expression()?;
            highest = item.height.max(highest);
            items.push(item);
            if !self.takes_sign(",") {
                break;
            }
        }
        self.sign("]")?;
        self.node(Expr::List(items), highest)
    }

    fn dict(&mut self) -> Parsed {
        let (mut items, mut highest) = (Vec::new(), 0);
        while !self.is_sign("}") {
            let key = self.expression()?;
            self.sign(":")?;
            let value = self.expression()?;
            highest = key.height.max(value.height).max(highest);
            items.push((key, value));
            if !self.takes_sign(",") {
                break;
            }
        }
        self.sign("}")?;
        self.node(Expr::Dict(items), highest)
    }

    fn postfixes(&mut self, mut value: Node) -> Parsed {
        loop {
            value = if self.takes_sign(".") {
                self.attribute(value)?
            } else if self.takes_sign("[") {
                self.item(value)?
            } else if self.is_sign("(") {
                self.call(value)?
            } else {
                return Ok(value);
            }
        }
    }

    fn attribute(&mut self, value: Node) -> Parsed {
        let height = value.height;
        if let Some(Token::Int(place)) = self.token() {
            let place = Expr::Const(Value::Int(*place));
            self.at += 1;
            let place = Box::new(self.leaf(place)?);
            return self.node(Expr::Item(Box::new(value), place), height);
        }
        let name = self.name()?;
        self.node(Expr::Attribute(Box::new(value), name), height)
    }

    fn item(&mut self, value: Node) -> Parsed {
        let mut keys = Vec::new();
        let mut highest = value.height;
        while !self.is_sign("]") {
            if !keys.is_empty() {
                self.sign(",")?;
            }
            let key = self.subscript()?;
            highest = key.height.max(highest);
            keys.push(key);
        }
        self.sign("]")?;
        let key = match (keys.pop(), keys.is_empty()) {
            (Some(key), true) => key,
            (last, _) => {
                keys.extend(last);
                self.node(Expr::Tuple(keys), highest)?
            }
        };
        let highest = key.height.max(highest);
        self.node(Expr::Item(Box::new(value), Box::new(key)), highest)
    }

    fn subscript(&mut self) -> Parsed {
        let mut bounds = [None, None, None];
        let mut highest = 0;
        for (place, bound) in bounds.iter_mut().enumerate() {
            if !matches!(self.token(), Some(Token::Sign(":" | "]" | ","))) {
                let value = self.expression()?;
                highest = value.height.max(highest);
                if place == 0 && !self.is_sign(":") {
                    return Ok(value);
                }
                *bound = Some(value);
            }
            if place == 2 || !self.takes_sign(":") {
                break;
            }
        }
        self.node(Expr::Slice(Box::new(bounds)), highest)
    }

    fn call(&mut self, function: Node) -> Parsed {
        let (arguments, highest) = self.arguments()?;
        let highest = function.height.max(highest);
        let call = Call {
            function,
            arguments,
        };
        self.node(Expr::Call(Box::new(call)), highest)
    }

    fn arguments(&mut self) -> Parsed<(Arguments, u16)> {
        let (mut arguments, mut highest) = (Arguments::default(), 0);
        self.sign("(")?;
        while !self.is_sign(")") {
            highest = self.argument(&mut arguments)?.max(highest);
            if !self.takes_sign(",") {
                break;
            }
        }
        self.sign(")")?;
        Ok((arguments, highest))
    }

    /// Reads an argument, which may not stand behind every other.
    fn argument(&mut self, arguments: &mut Arguments) -> Parsed<u16> {
        let next = self.spots.get(self.at + 1).map(|spot| &spot.token);
        let is_named = matches!(
            (self.token(), next),
            (Some(Token::Name(_)), Some(Token::Sign("=")))
        );
        let by_name = !arguments.named.is_empty();
        let more = arguments.more.is_some();
        if arguments.more_named.is_some() || (self.is_sign("*") && more) {
            return self.instead("`)`");
        }
        if self.takes_sign("*") {
            let value = self.expression()?;
            let height = value.height;
            arguments.more = Some(value);
            return Ok(height);
        }
        if self.takes_sign("**") {
            let value = self.expression()?;
            let height = value.height;
            arguments.more_named = Some(value);
            return Ok(height);
        }
        if !is_named && (by_name || more) {
            return self.instead("an argument with its name");
        }
        let name = if is_named { Some(self.name()?) } else { None };
        self.at += usize::from(is_named);
        let value = self.expression()?;
        let height = value.height;
        match name {
            Some(name) => arguments.named.push((name, value)),
            None => arguments.given.push(value),
        }
        Ok(height)
    }

    fn filters_and_tests(&mut self, mut value: Node) -> Parsed {
        loop {
            value = if self.is_sign("|") {
                self.filters(Some(value), false)?
            } else if self.takes_word("is") {
                self.test(value)?
            } else if self.is_sign("(") {
                self.call(value)?
            } else {
                return Ok(value);
            }
        }
    }

    /// Filters one after another; those of a block have no value, and its first one no `|` before it.
    pub fn filters(&mut self, mut value: Option<Node>, mut starts_bare: bool) -> Parsed {
        loop {
            match (starts_bare || self.takes_sign("|"), value) {
                (false, Some(value)) => return Ok(value),
                (false, None) => return self.instead("`|`"),
                (true, before) => {
                    let name = self.dotted()?;
                    if filters::find(&name).is_none() {
                        self.unknown(&name, "filter");
                    }
                    let (arguments, mut highest) = if self.is_sign("(") {
                        self.arguments()?
                    } else {
                        Default::default()
                    };
                    highest = before.as_ref().map_or(0, |node| node.height).max(highest);
                    let filter = Expr::Filter(Box::new(Named {
                        value: before,
                        name,
                        arguments,
                    }));
                    value = Some(self.node(filter, highest)?);
                }
            }
            starts_bare = false;
        }
    }

    fn dotted(&mut self) -> Parsed<Rc<str>> {
        let mut name = self.name()?;
        while self.takes_sign(".") {
            name = format!("{name}.{}", self.name()?).into();
        }
        Ok(name)
    }

    fn test(&mut self, value: Node) -> Parsed {
        let negated = self.takes_word("not");
        let name = self.dotted()?;
        if predicates::find(&name).is_none() {
            self.unknown(&name, "test");
        }
        let (arguments, highest) = self.test_arguments()?;
        let highest = value.height.max(highest);
        let test = Expr::Test(Box::new(Named {
            value: Some(value),
            name,
            arguments,
        }));
        let test = self.node(test, highest)?;
        if negated {
            self.node(Expr::Not(Box::new(test)), highest + 1)
        } else {
            Ok(test)
        }
    }

    /// What is given to a test: in brackets, or a single value without any.
    fn test_arguments(&mut self) -> Parsed<(Arguments, u16)> {
        if self.is_sign("(") {
            return self.arguments();
        }
        let starts_value = match self.token() {
            Some(Token::Name(name)) => !matches!(&**name, "else" | "or" | "and"),
            Some(Token::Text(_) | Token::Int(_) | Token::Float(_)) => true,
            Some(Token::Sign(sign)) => matches!(*sign, "[" | "{"),
            _ => false,
        };
        if !starts_value {
            return Ok(Default::default());
        }
        if self.is_word("is") {
            return self.instead("one test only");
        }
        let value = self.primary()?;
        let value = self.postfixes(value)?;
        let height = value.height;
        let mut arguments = Arguments::default();
        arguments.given.push(value);
        Ok((arguments, height))
    }
}
