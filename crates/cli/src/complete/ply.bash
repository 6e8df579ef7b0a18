# Completion of ply for bash. The program itself is asked, so that images are completed too:
#   ply completion bash > /etc/bash_completion.d/ply
_ply() {
    local IFS=$'\013' line=$COMP_LINE words=() word i
    # Readline takes `name:tag` and `--flag=value` for several words. What follows without a space is one word here.
    for ((i = 0; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if ((i > 0)) && [[ $line != [[:space:]]* ]]; then
            words[${#words[@]} - 1]+=$word
        else
            line=${line#"${line%%[![:space:]]*}"}
            words+=("$word")
        fi
        line=${line#"$word"}
    done
    local index=$((${#words[@]} - 1)) current=${words[${#words[@]} - 1]}
    COMPREPLY=($(_CLAP_IFS=$IFS _CLAP_COMPLETE_INDEX=$index _CLAP_COMPLETE_COMP_TYPE=$COMP_TYPE \
        _CLAP_COMPLETE_SPACE=true COMPLETE=bash "${words[0]}" -- "${words[@]}")) || COMPREPLY=()
    # Only the last of readline's words is replaced.
    local before=${current%"${current##*[:=]}"}
    COMPREPLY=("${COMPREPLY[@]#"$before"}")
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[=/:] ]]; then
        compopt -o nospace 2>/dev/null
    fi
}
complete -o bashdefault -F _ply ply
