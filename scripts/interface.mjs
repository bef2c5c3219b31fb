// Compares the public interface with test/interface, which has a page of names and types for each entry. Prints
// differences and fails; with --write it writes the pages, for an intended change. Needs `npm run build`.
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Extractor, ExtractorConfig, ExtractorLogLevel } from '@microsoft/api-extractor'

const root = fileURLToPath(new URL('..', import.meta.url))
const kept = join(root, 'test/interface')
const written = process.argv.includes('--write') ? kept : mkdtempSync(join(tmpdir(), 'interface-'))
const scratch = mkdtempSync(join(tmpdir(), 'interface-'))
const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const quiet = { default: { logLevel: ExtractorLogLevel.None } }

mkdirSync(kept, { recursive: true })
for (const [name, entry] of Object.entries(exports)) {
  if (typeof entry === 'string') continue
  const config = ExtractorConfig.prepare({
    configObjectFullPath: join(root, 'scripts/interface.mjs'),
    packageJsonFullPath: join(root, 'package.json'),
    configObject: {
      projectFolder: root,
      mainEntryPointFilePath: join(root, entry.types.import),
      apiReport: {
        enabled: true,
        reportFileName: `${name === '.' ? 'index' : name.slice(2)}.api.md`,
        reportFolder: written,
        reportTempFolder: scratch,
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      compiler: {
        overrideTsconfig: {
          compilerOptions: {
            target: 'es2023',
            lib: ['es2023'],
            module: 'nodenext',
            types: ['node'],
            strict: true,
            skipLibCheck: true,
          },
        },
      },
      messages: {
        compilerMessageReporting: quiet,
        extractorMessageReporting: quiet,
        tsdocMessageReporting: quiet,
      },
    },
  })
  const { errorCount } = Extractor.invoke(config, {
    localBuild: true,
    messageCallback: (message) => {
      message.handled = message.logLevel !== ExtractorLogLevel.Error
    },
  })
  if (errorCount > 0) process.exitCode = 1
}

if (written !== kept) {
  const { status, stdout } = spawnSync('git', ['diff', '--no-index', '--', kept, written], {
    encoding: 'utf8',
  })
  if (status !== 0) {
    console.error(stdout)
    console.error(
      'The public interface differs from test/interface. If that is meant: npm run interface -- --write',
    )
    process.exitCode = 1
  }
  rmSync(written, { recursive: true })
}
rmSync(scratch, { recursive: true })
