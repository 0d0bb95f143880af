/** A Postgres server of Debian's package for one test file: in a folder of its own, on a port of its own, gone afterwards. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chownSync, existsSync, readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import pg from 'pg';
import { newFolder } from './folder.ts';

export interface PostgresServer {
  readonly connection: { readonly host: string; readonly port: number; readonly user: string };
  /** A new schema without tables; its name. */
  schema(): Promise<string>;
  /** Connections that see one schema only. */
  pool(schema: string): pg.Pool;
  /** Ends it without a word, as a power cut does but for the disk, and starts it again. */
  crash(): Promise<void>;
  stop(): Promise<void>;
}

export async function startPostgres({ fsync = false } = {}): Promise<PostgresServer> {
  const folder = newFolder();
  const { uid, gid } = unprivileged();
  chownSync(folder.path, uid, gid);
  const data = join(folder.path, 'data');
  const options = { uid, gid, cwd: folder.path, stdio: 'ignore' } as const;
  execFileSync(
    program('initdb'),
    ['-D', data, '-U', 'millrace', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'],
    options,
  );
  const port = await freePort();
  const settings = [`port=${port}`, 'listen_addresses=127.0.0.1', `unix_socket_directories=`];
  settings.push('max_connections=100', 'shared_buffers=32MB', `fsync=${fsync ? 'on' : 'off'}`);
  const started = (): ChildProcess =>
    spawn(
      program('postgres'),
      ['-D', data, ...settings.flatMap((setting) => ['-c', setting])],
      options,
    );
  let server = started();
  const connection = { host: '127.0.0.1', port, user: 'millrace' };
  const pools: pg.Pool[] = [];
  const pool = (schema: string): pg.Pool => {
    const made = new pg.Pool(poolOptions(connection, schema));
    made.on('error', () => undefined);
    pools.push(made);
    return made;
  };
  const admin = pool('public');
  await ready(admin, server);
  let count = 0;
  return {
    connection,
    pool,
    async schema() {
      const name = `test_${count++}`;
      await admin.query(`create schema ${name}`);
      return name;
    },
    async crash() {
      await ended(server, 'SIGKILL');
      for (let attempt = 1; ; attempt++) {
        // What is left of its processes may hold its memory for a moment.
        server = started();
        try {
          return await ready(admin, server);
        } catch (error) {
          if (attempt === 50) throw error;
          await ended(server, 'SIGKILL');
        }
      }
    },
    async stop() {
      await ended(server, 'SIGINT');
      await Promise.all(pools.map((each) => (each.ending ? undefined : each.end())));
      folder.remove();
    },
  };
}

async function ended(server: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  const over = new Promise((resolve) => server.once('exit', resolve));
  server.kill(signal);
  await over;
}

export const poolOptions = (
  connection: PostgresServer['connection'],
  schema: string,
): pg.PoolConfig => ({
  ...connection,
  database: 'postgres',
  options: `-c search_path=${schema}`,
  max: 5,
});

/** Postgres refuses to run as root. */
function unprivileged(): { readonly uid: number; readonly gid: number } {
  const [uid = 0, gid = 0] = [process.getuid?.(), process.getgid?.()];
  if (uid !== 0) return { uid, gid };
  const idOf = (flag: string) =>
    Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
  return { uid: idOf('-u'), gid: idOf('-g') };
}

function program(name: string): string {
  const root = '/usr/lib/postgresql';
  const found = (existsSync(root) ? readdirSync(root) : [])
    .map((version) => join(root, version, 'bin', name))
    .find((path) => existsSync(path));
  if (found) return found;
  throw new Error('This test needs a Postgres server: apt-get install postgresql');
}

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });

async function ready(pool: pg.Pool, server: ChildProcess): Promise<void> {
  for (let waited = 0; ; waited += 50) {
    try {
      await pool.query('select 1');
      return;
    } catch (error) {
      if (waited > 20_000 || server.exitCode !== null) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
