// Containers of podman with crun and runc, the default seccomp profile and the containers guide as printed.

import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { root } from '../../__test__/helpers/run.mjs'
import { until } from '../../__test__/helpers/until.mjs'
import { Podman } from './containers.mjs'
import { printed } from './guide.mjs'
import { Missing } from './missing.mjs'
import { output } from './run.mjs'

const GUIDE = 'docs/guides/containers.md'
/** The base image of the guide's Dockerfile. */
const BASE = 'docker.io/library/node:24-slim'

/** The options of containers that run the guide's program. */
const WAYS = {
  'as root': [],
  '--init': ['--init'],
  '--user node': ['--user=node'],
  '--read-only': ['--read-only'],
  '--cap-drop=ALL --user node': ['--cap-drop=ALL', '--user=node'],
  'no-new-privileges': ['--security-opt=no-new-privileges'],
  '--init --read-only --cap-drop=ALL --user node': ['--init', '--read-only', '--cap-drop=ALL', '--user=node'],
}

/** The options of containers that run every call. */
const CALLERS = {
  ...WAYS,
  '--cap-drop=ALL': ['--cap-drop=ALL'],
  'a uid without a name': ['--user=123456:0'],
  'a user namespace': ['--uidmap=0:100000:65536', '--gidmap=0:100000:65536'],
  'a user namespace, --user node': ['--uidmap=0:100000:65536', '--gidmap=0:100000:65536', '--user=node'],
}

export async function podman({ scratch, recorder }) {
  const podman = new Podman(scratch)
  let image
  await recorder('podman')('Dockerfile of the guide: build', async () => {
    image = await build(podman, scratch)
  })
  if (!image) return
  for (const runtime of ['crun', 'runc'])
    await scenarios(
      podman,
      runtime,
      image,
      recorder(runtime, () => podman.clean()),
    )
}

/** Builds the guide's image as printed, on a base that has this machine's node and npm. */
async function build(podman, scratch) {
  const archive = path.join(scratch, 'image.tar')
  await output('tar', ['--create', '--file', archive, '--directory', path.join(scratch, 'image'), '.'])
  await podman.output('import', archive, BASE)
  fs.rmSync(archive)

  const context = path.join(scratch, 'context')
  fs.cpSync(path.join(scratch, 'app'), context, { recursive: true, filter: (name) => !name.endsWith('node_modules') })
  fs.cpSync(path.join(root, 'hardening/peers/programs'), context, { recursive: true })
  fs.writeFileSync(path.join(context, 'main.js'), printed(GUIDE, 'main.js'))
  fs.writeFileSync(path.join(context, 'Dockerfile'), printed(GUIDE, 'app.dockerfile'))
  await podman.output('build', '--isolation=chroot', '--no-cache', '--tag=app', context)
  return 'localhost/app'
}

async function scenarios(podman, runtime, image, scenario) {
  const start = (options, ...command) => podman.start(runtime, options, image, ...command)

  for (const [way, options] of Object.entries(WAYS)) {
    await scenario(`guide's program, ${way}: serves and stops`, async () => {
      const container = await start(options)
      const isInit = !options.includes('--init')
      const pid = (await container.answer()).match(/^Hello from (\d+)$/)[1]
      assert.equal(pid === '1', isInit)
      const status = await container.exec(container.id, 'cat', `/proc/${pid}/status`)
      assert.match(status, /^Uid:\t1000\t1000\t1000\t1000$/m)
      assert.match(status, /^Seccomp:\t2$/m)
      await container.stop()
    })
  }

  await scenario("guide's program, --cap-drop=ALL: says why it can't start", async () => {
    const container = await start(['--cap-drop=ALL'])
    assert.notEqual(await container.hasEnded(), 0)
    assert.match(await container.logs(), /EPERM/)
  })

  await scenario("guide's program, in the process namespace of another container: serves and stops", async () => {
    if (runtime === 'crun') throw new Missing('crun runs without cgroups here, and joins no other container then')
    const other = await start([], 'node', 'stranger.js')
    const container = await start([`--pid=container:${other.id}`])
    assert.match(await container.answer(), /^Hello from (?!1$)\d+$/)
    await container.stop()
  })

  await scenario("guide's program without --foreground: refuses as PID 1", async () => {
    const container = await start([], 'node', 'main.js')
    assert.equal(await container.hasEnded(), 1)
    assert.match(await container.logs(), /ERR_PROCNATIVE_INIT_PROCESS/)
  })

  await scenario("guide's program: reaps 20 orphans of exec", async () => {
    const container = await start([])
    await container.answer()
    for (let round = 0; round < 20; round++)
      await container.exec(container.id, 'sh', '-c', '(exit 3) & sleep 0.1 & exit 0')
    await until(
      async () => !(await container.exec(container.id, 'ps', '-eo', 'stat')).includes('Z'),
      'there is no zombie',
    )
    await container.stop()
  })

  for (const [way, options] of Object.entries(CALLERS)) {
    await scenario(`every call, ${way}`, async () => {
      const { code, stdout, stderr } = await podman.runIn(runtime, options, image, 'node', 'everything.js')
      assert.equal(code, 0, stdout + stderr)
      assert.match(stdout, /^all passed$/m)
    })
  }

  await scenario('a pid file of another container: its pid is no process here', async () => {
    const volume = fs.mkdtempSync(path.join(podman.scratch, 'volume-'))
    const shared = `--volume=${volume}:/shared`
    const file = '/shared/app.pid'
    const stranger = await start([shared, '--user=node'], 'node', 'stranger.js')
    const daemon = await start([shared], 'node', 'pid-file.js', 'run', file)
    await Promise.all([stranger.says('runs'), daemon.says('runs')])
    const command = async (name, container) =>
      JSON.parse(await container.exec('--user=root', container.id, 'node', 'pid-file.js', name, file))

    const own = await command('status', daemon)
    assert.deepEqual(own, { running: true, pid: 1 })
    assert.notEqual((await command('status', stranger)).pid, 1)
    const { pid, code } = await command('stop', stranger)
    assert.equal(pid, undefined)
    assert.match(code, /^ERR_PROCNATIVE_/)
    for (const container of [stranger, daemon]) {
      assert.equal((await container.status()).status, 'running')
      assert.ok(!(await container.logs()).includes('SIGTERM'))
    }
    fs.rmSync(volume, { recursive: true })
  })
}
