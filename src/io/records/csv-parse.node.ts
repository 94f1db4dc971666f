/** The parser of tables: the build for Node.js. */
export { CsvError, parse } from 'csv-parse';
