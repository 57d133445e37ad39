# answers.sh UNIT PORT SECONDS: wait until the unit runs and its port takes connections; say what is wrong if not.
unit=$1 port=$2 limit=$3

open() { [[ $port == 0 ]] || (exec 3<>"/dev/tcp/127.0.0.1/$port" || exec 3<>"/dev/tcp/::1/$port") 2>/dev/null; }

for ((waited = 0; waited < limit * 5; waited++)); do
    state=$(systemctl is-active "$unit")
    if [[ $state == active ]] && open; then exit 0; fi
    if [[ $state == failed ]]; then break; fi
    sleep 0.2
done
echo "$unit is $state and does not answer on port $port. Its last lines:"
journalctl --unit "$unit" --lines 15 --no-pager --output cat
exit 1
