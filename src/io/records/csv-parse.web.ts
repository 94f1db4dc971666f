/** The parser of tables: the build for pages, which brings the streams that it stands on. */
export { CsvError, parse } from 'csv-parse/browser/esm';
