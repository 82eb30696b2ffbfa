# bash completion for sessjwt(1)                                                          -*- shell-script -*-

# The last 8 characters of the session ids that the caller may see: everybody's, or else his own.
_sessjwt_sessions() {
        local objects

        objects=$("$@" list --all --json=short 2>/dev/null </dev/null) ||
                objects=$("$@" list --json=short 2>/dev/null </dev/null) || return
        tr , '\n' <<<"$objects" | sed -n 's/.*"sessionId":"[^"]*\([0-9a-f]\{8\}\)".*/\1/p'
}

# The same of the devices.
_sessjwt_devices() {
        local objects

        objects=$("$@" devices --all --json=short 2>/dev/null </dev/null) ||
                objects=$("$@" devices --json=short 2>/dev/null </dev/null) || return
        tr , '\n' <<<"$objects" | sed -n 's/.*"deviceId":"[^"]*\([0-9a-f]\{8\}\)".*/\1/p'
}

_sessjwt_files() {
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$1")
}

_sessjwt() {
        # What a verb takes: its options, and its argument in upper case.
        local -A verbs=(
                [list]="--user --realm --all"
                [show]="SID"
                [revoke]="SID --reason"
                [logout]=""
                [logout-others]=""
                [logout-all]="USER --user --realm"
                [reset]="USER --realm"
                [purge]="USER --realm"
                [devices]="--user --realm --all"
                ["device rename"]="DEVICE"
                ["device block"]="DEVICE"
                ["device unblock"]="DEVICE"
                ["device forget"]="DEVICE"
                [token]="SID --audience --refresh"
                [refresh]="FILE"
                [verify]="FILE --audience --realm --role"
                [locks]="--user --realm"
                [lock]="USER --for --reason --end-sessions --realm"
                [unlock]="USER --source --realm"
                [policy]="USER --service --realm"
                [watch]="--user --realm --all --kind"
                [history]="--user --realm --all --since --until --kind --open --limit"
                [keys]=""
                [rotate-key]="--revoke"
                [backup]=""
                [status]="--statistics"
                [doctor]=""
                [cat-config]=""
        )
        local always="-h --help --version --socket --json -j --no-legend --no-pager"
        local with_value=" --socket --json --user --realm --reason --audience --role --service --for --source --since --until --kind --limit "
        local cur=${COMP_WORDS[COMP_CWORD]} prev="" verb="" argument="" word words="" i
        local -a before=("${COMP_WORDS[@]:1:COMP_CWORD-1}") command=("${COMP_WORDS[0]}")

        # readline makes a word of the = in --json=short
        if [[ $cur == = ]]; then
                cur=""
        elif ((${#before[@]})) && [[ ${before[-1]} == = ]]; then
                unset "before[-1]"
        fi
        ((${#before[@]})) && prev=${before[-1]}
        for ((i = 0; i < ${#before[@]}; i++)); do
                word=${before[i]}
                if [[ $with_value == *" $word "* ]]; then
                        [[ ${before[i + 1]-} == = ]] && ((i++))
                        ((++i))
                        [[ $word == --socket && -n ${before[i]-} ]] && command+=(--socket "${before[i]}")
                elif [[ $word != -* ]]; then
                        if [[ -z $verb ]]; then
                                verb=$word
                        elif [[ $verb == device ]]; then
                                verb="device $word"
                        else
                                argument=$word
                        fi
                fi
        done

        COMPREPLY=()
        case $prev in
        --json) mapfile -t COMPREPLY < <(compgen -W "pretty short off" -- "$cur") ;;
        --user) mapfile -t COMPREPLY < <(compgen -u -- "$cur") ;;
        --socket) _sessjwt_files "$cur" ;;
        --realm | --reason | --audience | --role | --service | --for | --source | --since | --until | --kind | --limit) ;;
        *)
                if [[ $cur == -* ]]; then
                        words="$always ${verbs[${verb:-list}]-}"
                elif [[ -z $verb ]]; then
                        words=$(printf '%s\n' "${!verbs[@]}" | cut -d " " -f 1 | sort -u)
                elif [[ $verb == device ]]; then
                        words="rename block unblock forget"
                elif [[ -n $argument ]]; then
                        return
                elif [[ ${verbs[$verb]-} == USER* ]]; then
                        words=$(compgen -u)
                elif [[ ${verbs[$verb]-} == DEVICE* ]]; then
                        words=$(_sessjwt_devices "${command[@]}")
                elif [[ ${verbs[$verb]-} == *SID* ]]; then
                        words="self $(_sessjwt_sessions "${command[@]}")"
                elif [[ ${verbs[$verb]-} == *FILE* ]]; then
                        _sessjwt_files "$cur"
                        return
                fi
                mapfile -t COMPREPLY < <(compgen -W "${words//[A-Z]/}" -- "$cur")
                ;;
        esac
}

complete -F _sessjwt sessjwt
