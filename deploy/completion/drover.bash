# bash completion for drover, made by: drover completion bash
_drover() {
    local word="${COMP_WORDS[COMP_CWORD]}" words=""
    local verbs="status explain regions components links backups readiness agents members keys rules executions timeline report whoami declare approve reject pause resume abort mode step command hold release recover-coordinators config plan doctor keygen replay completion help"
    local common=" --config --at --timeout --json --help"
    if [ "$COMP_CWORD" -eq 1 ]; then
        mapfile -t COMPREPLY < <(compgen -W "$verbs $common" -- "$word")
        return
    fi
    if [ "$COMP_CWORD" -eq 2 ]; then
        case "${COMP_WORDS[1]}" in
    step) words="retry skip done" ;;
    command) words="show take handover" ;;
    config) words="show check diff apply countersign" ;;
    plan) words="list show render lint preview graph diff history simulate" ;;
    help) words="$verbs" ;;
    esac
    fi
    case "${COMP_WORDS[1]} ${COMP_WORDS[2]:-}" in
    "status"*) words="$words --watch" ;;
    "readiness"*) words="$words --fail-on" ;;
    "timeline"*) words="$words --from" ;;
    "declare"*) words="$words --to --kind --plan --reason --epoch --yes --digest" ;;
    "approve"*) words="$words --reason --digest" ;;
    "reject"*) words="$words --reason" ;;
    "pause"*) words="$words --reason" ;;
    "resume"*) words="$words --reason" ;;
    "abort"*) words="$words --reason" ;;
    "mode"*) words="$words --reason --yes --digest" ;;
    "step retry"*) words="$words --reason" ;;
    "step skip"*) words="$words --comment" ;;
    "step done"*) words="$words --comment --evidence --evidence-file" ;;
    "command take"*) words="$words --reason" ;;
    "command handover"*) words="$words --reason" ;;
    "hold"*) words="$words --reason --for" ;;
    "release"*) words="$words --reason" ;;
    "config apply"*) words="$words --reason --second" ;;
    "plan render"*) words="$words --to --format --secrets" ;;
    "plan lint"*) words="$words --history" ;;
    "plan preview"*) words="$words --to" ;;
    "plan graph"*) words="$words --to --format" ;;
    "plan history"*) words="$words --to" ;;
    "plan simulate"*) words="$words --to --fault --seed --people --history" ;;
    "keygen"*) words="$words --kind --out" ;;
    "replay"*) words="$words --print --set" ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words $common" -f -- "$word")
}
complete -F _drover drover
