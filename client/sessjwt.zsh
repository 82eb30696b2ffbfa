#compdef sessjwt
# zsh completion for sessjwt(1)

# The last 8 characters of the session ids that the caller may see: everybody's, or else his own.
_sessjwt_sessions() {
        local -a command=(${words[1]}) ids
        local objects

        (( $+opt_args[--socket] )) && command+=(--socket ${opt_args[--socket]})
        objects=$($command list --all --json=short 2>/dev/null </dev/null) ||
                objects=$($command list --json=short 2>/dev/null </dev/null)
        ids=(self ${(f)"$(print -r -- $objects | tr , '\n' |
                sed -n 's/.*"sessionId":"[^"]*\([0-9a-f]\{8\}\)".*/\1/p')"})
        _describe session ids
}

# The same of the devices.
_sessjwt_devices() {
        local -a command=(${words[1]}) ids
        local objects

        (( $+opt_args[--socket] )) && command+=(--socket ${opt_args[--socket]})
        objects=$($command devices --all --json=short 2>/dev/null </dev/null) ||
                objects=$($command devices --json=short 2>/dev/null </dev/null)
        ids=(${(f)"$(print -r -- $objects | tr , '\n' |
                sed -n 's/.*"deviceId":"[^"]*\([0-9a-f]\{8\}\)".*/\1/p')"})
        _describe device ids
}

_sessjwt_verbs() {
        local -a names=(
                'list:show my sessions'
                'show:show everything about one session'
                'revoke:end one session'
                'logout:end the session this runs in'
                'logout-others:end all my sessions but this one'
                'logout-all:end all my sessions'
                'reset:end all sessions and tokens of a user'
                'purge:the same, and forget his devices, locks and history'
                'devices:show the devices that I have logged in from'
                'device:rename, block, unblock or forget a device'
                'token:print a fresh access token'
                'refresh:trade a refresh token for a fresh pair'
                'verify:is the token good now?'
                'locks:show who is locked'
                'lock:let a user sign in no more'
                'unlock:end the locks of a user'
                'policy:say which policy applies to a user'
                'history:show what happened'
                'watch:show what happens'
                'keys:show the signing keys'
                'rotate-key:sign with the next key'
                'backup:copy the store of the daemon'
                'status:show how the daemon is'
                'doctor:say what is wrong here, and how to mend it'
                'cat-config:print the configuration files that count'
        )
        _describe verb names
}

_sessjwt() {
        # What a verb takes: its options, and its argument in upper case.
        local -A verbs=(
                list "--user --realm --all"
                show "SID"
                revoke "SID --reason"
                logout ""
                logout-others ""
                logout-all "USER --user --realm"
                reset "USER --realm"
                purge "USER --realm"
                devices "--user --realm --all"
                "device rename" "DEVICE"
                "device block" "DEVICE"
                "device unblock" "DEVICE"
                "device forget" "DEVICE"
                token "SID --audience --refresh"
                refresh "FILE"
                verify "FILE --audience --realm --role"
                locks "--user --realm"
                lock "USER --for --reason --end-sessions --realm"
                unlock "USER --source --realm"
                policy "USER --service --realm"
                watch "--user --realm --all --kind"
                history "--user --realm --all --since --until --kind --open --limit"
                keys ""
                rotate-key "--revoke"
                backup ""
                status "--statistics"
                doctor ""
                cat-config ""
        )
        local -A specs=(
                --user '--user=[another user]:user:_users'
                --realm '--realm=[of this realm]:realm: '
                --all '--all[of everybody]'
                --reason '--reason=[for the user and the log]:text: '
                --audience '--audience=[who shall accept it]:audience: '
                --refresh '--refresh[the refresh token, too]'
                --statistics '--statistics[counters and latencies]'
                --service '--service=[by this service]:service: '
                --for '--for=[for so long]:time: '
                --end-sessions '--end-sessions[his sessions end, too]'
                --source '--source=[the lock of this source]:source: '
                --role '*--role=[one of these]:role: '
                --since '--since=[not before]:time: '
                --until '--until=[not after]:time: '
                --kind '*--kind=[only these events]:kind: '
                --open '--open[logins that have not ended]'
                --limit '--limit=[at most so many]:number: '
                --revoke '--revoke[no earlier token counts]'
                USER '2:user:_users'
                SID '2:session:_sessjwt_sessions'
                DEVICE '3:device:_sessjwt_devices'
                FILE '2:file with the token:_files'
        )
        local -a always=(
                '(-h --help)'{-h,--help}'[show how it is called]'
                '--version[show the version]'
                '--socket=[ask another daemon]:socket:_files'
                '--json=[print objects]:mode:(pretty short off)'
                '-j[print objects]'
                '--no-legend[no headings and no totals]'
                '--no-pager[accepted; there is no pager]'
        )
        local verb=list word i
        local -a takes=()

        for (( i = 2; i < CURRENT; i++ )); do
                case $words[i] in
                --socket | --json | --user | --realm | --reason | --audience | --role | --service) (( i++ )) ;;
                -*) ;;
                *)
                        [[ $verb == device ]] && verb+=" $words[i]" || verb=$words[i]
                        [[ $verb == device ]] || break
                        ;;
                esac
        done
        [[ $verb == device* && $verb != devices ]] && takes+=('2:what:(rename block unblock forget)')
        for word in ${=verbs[$verb]}; do
                takes+=($specs[$word])
        done
        _arguments $always '1:verb:_sessjwt_verbs' $takes
}

_sessjwt "$@"
