// Short names for the shapes of the API, which are generated from the server's OpenAPI document.

import type { components } from './schema';

type Schemas = components['schemas'];

export type Dataset = Schemas['Dataset'];
export type Category = Dataset['category'];
export type Image = Schemas['Image'];
export type Crop = Schemas['Crop'];
export type Version = Schemas['Version'];
export type VersionAbout = Schemas['VersionAbout'];
export type Difference = Schemas['Difference'];
export type Edit = Schemas['Edit'];
export type EditDataset = Schemas['EditDataset'];
export type Uploaded = Schemas['Uploaded'];
export type UploadedFile = Schemas['UploadedFile'];
export type ServerAbout = Schemas['ServerAbout'];
export type CreateDataset = Schemas['CreateDataset'];
export type UpdateDataset = Schemas['UpdateDataset'];
