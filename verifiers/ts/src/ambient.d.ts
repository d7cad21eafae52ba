/** The few parts of Node.js that the command line uses. */

declare module "node:fs" {
  interface Stats {
    readonly size: number;
    isDirectory(): boolean;
    isFile(): boolean;
  }
  interface Dirent {
    readonly name: Uint8Array;
  }
  export function openSync(path: string | Uint8Array, flags: string, mode?: number): number;
  export function closeSync(file: number): void;
  export function readSync(file: number, into: Uint8Array, offset: number, length: number, position: number): number;
  export function writeSync(file: number, data: Uint8Array | string): number;
  export function fsyncSync(file: number): void;
  export function fstatSync(file: number): Stats;
  export function lstatSync(path: Uint8Array): Stats;
  export function statSync(path: string): Stats;
  export function readFileSync(path: string): Uint8Array;
  export function readdirSync(path: Uint8Array, options: { withFileTypes: true; encoding: "buffer" }): Dirent[];
  export function renameSync(from: string, to: string): void;
  export function rmSync(path: string, options: { force: boolean }): void;
}

declare module "node:path" {
  export function dirname(path: string): string;
  export function basename(path: string): string;
  export function join(...parts: string[]): string;
}

declare module "node:crypto" {
  interface Hash {
    update(data: Uint8Array): Hash;
    digest(): Uint8Array;
  }
  export function createHash(algorithm: "sha256"): Hash;
  export function randomBytes(size: number): Uint8Array;
  /** Node.js 20.12 and later. */
  export const hash: ((algorithm: "sha256", data: Uint8Array, encoding: "buffer") => Uint8Array) | undefined;
}

declare module "node:zlib" {
  interface InflateRaw extends AsyncIterable<Uint8Array> {
    readonly bytesWritten: number;
    write(data: Uint8Array): boolean;
    readonly destroyed: boolean;
    on(event: "drain" | "close", listener: () => void): void;
    end(): void;
    destroy(): void;
  }
  export function createInflateRaw(options: { chunkSize: number }): InflateRaw;
  /** Node.js 20.15 and later. */
  export const crc32: ((data: Uint8Array, crc: number) => number) | undefined;
}

declare module "node:process" {
  interface Output {
    write(data: string | Uint8Array, done: (error?: Error | null) => void): boolean;
    on(event: "error", listener: (error: Error) => void): void;
  }
  const process: { argv: string[]; stdin: AsyncIterable<Uint8Array>; stdout: Output; exitCode: number };
  export default process;
}
