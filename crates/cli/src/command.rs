//! The command that made a layer, for people: what a Dockerfile says, without what the builders wrap around it.

use crate::escape::{self, Lines};
use crate::table;

/// As much of a command as a line has room for.
const WIDTH: usize = 60;

/// A command on one line, cut; what was said of the step where there is no command.
pub(crate) fn shown(created_by: &str, comment: &str) -> String {
    let text = if created_by.trim().is_empty() { comment } else { created_by };
    let words: Vec<&str> = text.split_whitespace().collect();
    let text = words.join(" ");
    let text = text.strip_suffix(" # buildkit").unwrap_or(&text);
    let text = match text.strip_prefix("/bin/sh -c ").map(|rest| (rest, rest.strip_prefix("#(nop) "))) {
        Some((_, Some(instruction))) => instruction.to_owned(),
        Some((command, None)) => format!("RUN {command}"),
        None => match text.strip_prefix("RUN /bin/sh -c ") {
            Some(command) => format!("RUN {command}"),
            None => text.to_owned(),
        },
    };
    table::ellipsis(&escape::text(&text, Lines::Escape), WIDTH).into_owned()
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn commands_are_as_a_dockerfile_has_them() {
        let check = |created_by: &str, expect: &str| assert_eq!(shown(created_by, "said"), expect);
        // Docker's own builder, BuildKit, buildah; others write what they like.
        check("/bin/sh -c #(nop) COPY dir:a941f8 in / ", "COPY dir:a941f8 in /");
        check("/bin/sh -c #(nop)  CMD [\"sh\"]", "CMD [\"sh\"]");
        check(
            "/bin/sh -c apt-get update  &&\tapt-get -y upgrade",
            "RUN apt-get update && apt-get -y upgrade",
        );
        check("RUN /bin/sh -c make install # buildkit", "RUN make install");
        check("COPY conf /etc # buildkit", "COPY conf /etc");
        check("bazel build ...", "bazel build ...");
        check("", "said");
        check("\x1b[31mred", "\\x1b[31mred");
        check(&"x".repeat(70), &format!("{}…", "x".repeat(59)));
    }
}
