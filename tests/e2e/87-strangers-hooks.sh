#!/bin/bash
# Scripts that were written for others: the deploy hook from certbot's manual, and one that knows nothing of either.
. "$(dirname "$0")/lib.sh"

live=/var/lib/mxcert/live/mx.example.com
live_fingerprint() { lab exec foo openssl x509 -noout -in "$live/cert.pem" -fingerprint -sha256 | sed 's/.*=//'; }
# configure_script PATH [DOMAIN…]: whose daemon listens on two ports
configure_script() {
  {
    standard_config example.com "${@:2}" | sed "s,^hook = .*,hook = \"$1\","
    echo 'verify = ["192.0.2.1:25", "192.0.2.1:465"]'
  } | put foo /etc/mxcert/mxcert.toml
}
runs() { get foo /run/runs | wc -l; }
expect_live_served() {
  local fingerprint
  fingerprint=$(live_fingerprint)
  for port in 25 465; do expect_same "$fingerprint" "$(served - $port)"; done
}

in_service='^  .*: installed and verified'

scene "a deploy hook of certbot, as its manual has it, brings the certificate into service"
# As an administrator who followed certbot's "renewing certificates" would have it; not a word is for mxcert.
put foo /etc/letsencrypt/renewal-hooks/deploy/exim 0755 <<'HOOK'
#!/bin/sh

set -e

for domain in $RENEWED_DOMAINS; do
        case $domain in
        mx.example.com)
                daemon_cert_root=/etc/exim4

                # Make sure the certificate and private key files are
                # never world readable, even just for an instant while
                # we're copying them into daemon_cert_root.
                umask 077

                cp "$RENEWED_LINEAGE/fullchain.pem" "$daemon_cert_root/exim.crt"
                cp "$RENEWED_LINEAGE/privkey.pem" "$daemon_cert_root/exim.key"

                # Apply the proper file ownership and permissions for
                # the daemon to read its certificate and key.
                chown Debian-exim "$daemon_cert_root/exim.crt" \
                        "$daemon_cert_root/exim.key"
                chmod 400 "$daemon_cert_root/exim.crt" \
                        "$daemon_cert_root/exim.key"

                service exim4 restart >/dev/null
                ;;
        esac
done
HOOK
configure_script /etc/letsencrypt/renewal-hooks/deploy/exim
mxcert issue
expect_exit 0
expect_stdout_like '^mx.example.com: issued version 0001'
expect_stdout_like "$in_service"
expect_live_served
for port in 25 465; do expect_served mx.example.com $port; done
expect_file foo /etc/exim4/exim.key Debian-exim:Debian-exim 0400

scene "it is not run again while the certificate is served, and again for the next one"
mxcert deploy
expect_exit 0
expect_stdout 'serves it already'
mxcert renew
expect_exit 0
expect_no_output
configure_script /etc/letsencrypt/renewal-hooks/deploy/exim second.example
mxcert issue --new-key
expect_exit 0
expect_live_served
for port in 25 465; do expect_served mx.example.com $port; done

scene "one that does not do what it should is told as failed, and tried again"
lab exec foo sed -i 's,^ *service exim4.*,service exim4 nonsense,' /etc/letsencrypt/renewal-hooks/deploy/exim
configure_script /etc/letsencrypt/renewal-hooks/deploy/exim second.example implicit.example
mxcert issue
expect_problem 1 'mx.example.com: /etc/letsencrypt/renewal-hooks/deploy/exim: .*hook exim deploy exited with status'
lab exec foo sed -i 's,^service exim4.*,service exim4 restart >/dev/null,' /etc/letsencrypt/renewal-hooks/deploy/exim
mxcert deploy
expect_exit 0
expect_live_served

scene "a plain script, which copies from where the certificate is and knows no events"
script=$(cat <<'HOOK'
#!/bin/sh
# Copies the certificate to Exim. Run it by hand after a renewal, or from cron.
echo "installing the certificate"
echo run >>/run/runs
umask 077
install -m 0640 -o root -g Debian-exim /var/lib/mxcert/live/mx.example.com/privkey.pem /etc/exim4/exim.key
install -m 0640 -o root -g Debian-exim /var/lib/mxcert/live/mx.example.com/fullchain.pem /etc/exim4/exim.crt
/etc/init.d/exim4 reload
HOOK
)
put foo /usr/local/sbin/install-certificate 0755 <<<"$script"
configure_script /usr/local/sbin/install-certificate second.example implicit.example cnamemx.example
mxcert issue
expect_exit 0
expect_stdout_like "$in_service"
expect_live_served
before=$(runs)
mxcert renew
expect_exit 0
expect_no_output
expect_same "$before" "$(runs)"

scene "without being told where to look nobody can say that it worked: that is a warning with a hint"
standard_config example.com | sed 's,^hook = .*,hook = "/usr/local/sbin/install-certificate",' | put foo /etc/mxcert/mxcert.toml
mxcert deploy
expect_exit 0
expect_stderr_like '^mxcert: warning: mx.example.com: .*does not say where its daemon listens$'
expect_stderr_like '^hint: say it: verify = '
mxcert deploy --quiet
expect_exit 0
expect_no_output
expect_live_served

scene "a placeholder: the script is not run where its daemon has a certificate, or nobody says; it is where there is none"
reset
placeholder() { get foo /etc/mxcert/mxcert.toml | sed '/^\[ca\]/a placeholder = true' >"$work/toml" && put foo /etc/mxcert/mxcert.toml <"$work/toml"; }
put foo /usr/local/sbin/install-certificate 0755 <<<"$script"
configure_script /usr/local/sbin/install-certificate
placeholder
lab pebble stop
mark
mxcert issue --json
expect_exit 1
expect_json '.certificates[0] | .result == "placeholder" and .deployments[0].result == "left_alone"'
expect_json '.certificates[0].deployments[0].message | test("has a certificate already")'
expect_untouched
expect_no_file foo /run/runs
lab exec foo rm /etc/exim4/exim.crt /etc/exim4/exim.key
lab exim restart
get foo /etc/mxcert/mxcert.toml | sed '/^verify/d' | put foo /root/nobody-says.toml
mxcert --config /root/nobody-says.toml issue --json
expect_json '.certificates[0].deployments[0].message | test("does not say where its daemon listens")'
expect_no_file foo /run/runs
mxcert issue --json
expect_exit 1
expect_json '.certificates[0] | .result == "placeholder" and .deployments[0].result == "deployed_and_verified"'
expect_same 1 "$(runs)"
expect_live_served
lab pebble start
edit_state '.failure.at = "2026-01-01T00:00:00Z"'
mxcert renew
expect_exit 0
expect_live_served
expect_served mx.example.com 25
