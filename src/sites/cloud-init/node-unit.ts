/**
 * A shell command for cloud-init's `bootcmd` that has systemd run `boot` of the seed as `causeway-node.service`: now, as soon as
 * cloud-init has written the files, and at every later start of the machine. It may run again.
 *
 * The unit's limits are those of Slurm's own unit for slurmd: jobs inherit them. When it is stopped, jobs are left alone.
 * @param seed absolute path of the seed's folder
 */
export function nodeUnit(seed: string): string {
  const unit = [
    '[Unit]',
    'Description=Node of a Causeway cluster',
    // The stage of cloud-init that writes files, by its names.
    'After=cloud-init.service cloud-init-network.service',
    `ConditionPathExists=${seed}/boot`,
    '[Service]',
    `ExecStart=${seed}/boot`,
    'StandardOutput=journal+console',
    'StandardError=inherit',
    'KillMode=process',
    'Delegate=yes',
    'TasksMax=infinity',
    'LimitNOFILE=131072',
    'LimitMEMLOCK=infinity',
    'LimitSTACK=infinity',
    '[Install]',
    'WantedBy=multi-user.target',
  ]
  return [
    `install -d -m 700 ${seed}`,
    `cat >/etc/systemd/system/causeway-node.service <<'END'\n${unit.join('\n')}\nEND`,
    'systemctl enable --quiet --now --no-block causeway-node.service',
  ].join('\n')
}
