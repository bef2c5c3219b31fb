export type { AdapterAnswer, AdapterApp, AdapterIds } from './adapter/app.ts'
export type { AdapterFeature, AdapterHarness, ServedApp } from './adapter/site.ts'
export {
  type AdapterContractOptions,
  type AdapterSessionsParts,
  adapterContract,
} from './adapter-contract.ts'
export { type CookieJar, type CookieJarOptions, cookieJar } from './cookie-jar.ts'
export {
  type FailingStore,
  type FailOptions,
  failingStore,
  type HoldOptions,
  type StoreCall,
  type StoreGate,
  type StoreMethod,
} from './failing-store.ts'
export { type FakeClock, fakeClock } from './fake-clock.ts'
export type { ContractRunner } from './runner.ts'
export { type SampleOptions, sampleRecord } from './sample-record.ts'
export { sampleSecurityKey } from './sample-security-key.ts'
export { type MakeStore, storeContract } from './store-contract.ts'
