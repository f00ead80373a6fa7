//! Numbers after flags: also one with a sign reaches whoever says which are accepted.

use std::any::TypeId;
use std::num::{IntErrorKind, ParseIntError};

use atelier_core::Seed;
use clap::{Arg, Command};

/// The command, and all below it, in which a number with a minus is a value of the flag before it, and no flag.
pub(super) fn with_signs(command: Command) -> Command {
    command.mut_args(with_sign).mut_subcommands(with_signs)
}

fn with_sign(arg: Arg) -> Arg {
    if !takes_numbers(&arg) {
        return arg;
    }
    let arg = if is_of::<usize>(&arg) {
        arg.value_parser(whole_number)
    } else {
        arg
    };
    if arg.get_value_delimiter().is_some() {
        // `-0.5,1` is no number, but a list of some.
        return arg.allow_hyphen_values(true);
    }
    arg.allow_negative_numbers(true)
}

fn takes_numbers(arg: &Arg) -> bool {
    let is_whole = is_of::<usize>(arg) || is_of::<u16>(arg) || is_of::<u32>(arg);
    let is_signed = is_of::<i32>(arg) || is_of::<Seed>(arg);
    is_whole || is_signed || is_of::<f32>(arg) || is_of::<f64>(arg)
}

fn is_of<T: 'static>(arg: &Arg) -> bool {
    arg.get_value_parser().type_id() == TypeId::of::<T>()
}

fn whole_number(text: &str) -> Result<usize, String> {
    text.parse()
        .map_err(|error: ParseIntError| match error.kind() {
            IntErrorKind::PosOverflow => error.to_string(),
            _ => "expected a whole number from 0 on".to_owned(),
        })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::commands::{Cli, parse};

    /// What is said of a line that is refused.
    fn refused(line: &str) -> String {
        let error = parse(line.split_whitespace()).map(|_| line).unwrap_err();
        error.to_string()
    }

    #[test]
    fn numbers_with_a_sign_are_judged_by_what_the_flag_takes() {
        for line in [
            "atelier model update m --strength -0.5",
            "atelier generate --prompt p --guidance -1 --guidance-rescale -0.5 --denoise -1e3 --seed -1",
            "atelier train --dataset d --learning-rate -0.1 --alpha -2",
            "atelier grid --model m --strengths -0.5,1",
            "atelier job move j --priority -3",
        ] {
            parse(line.split_whitespace()).unwrap();
        }
        for (line, reason) in [
            (
                "atelier generate --prompt p --steps -1",
                "'-1' for '--steps",
            ),
            (
                "atelier train --dataset d --epochs -5",
                "a whole number from 0 on",
            ),
            (
                "atelier train --dataset d --epochs 1.5",
                "a whole number from 0 on",
            ),
            (
                "atelier dataset crop d p --left -1 --top 0 --side 8",
                "-1 is not in 0..",
            ),
            (
                "atelier grid --model m --epochs -1,2",
                "a whole number from 0 on",
            ),
            ("atelier --threads -1 doctor", "-1 is not in 1..=1024"),
            ("atelier job list --count -1", "-1 is not in 0.."),
            // What is no number is none.
            (
                "atelier model update m --strength --name n",
                "a value is required",
            ),
        ] {
            let said = refused(line);
            assert!(said.contains(reason), "{line}: {said}");
        }
    }

    fn takes_any_number(arg: &Arg) -> bool {
        let is_unsigned = is_of::<u8>(arg) || is_of::<u64>(arg) || is_of::<u128>(arg);
        let is_signed = is_of::<i8>(arg) || is_of::<i16>(arg) || is_of::<i64>(arg);
        takes_numbers(arg) || is_unsigned || is_signed || is_of::<isize>(arg)
    }

    #[test]
    fn no_flag_that_takes_numbers_is_left_out() {
        fn check(command: &Command) -> usize {
            let mut checked = 0;
            for arg in command.get_arguments().filter(|arg| takes_any_number(arg)) {
                let is_list = arg.is_allow_hyphen_values_set();
                let takes_signs = arg.is_allow_negative_numbers_set() || is_list;
                assert!(takes_signs, "{} {arg}", command.get_name());
                checked += 1;
            }
            checked + command.get_subcommands().map(check).sum::<usize>()
        }
        assert!(check(&with_signs(Cli::command())) > 40);
    }
}
